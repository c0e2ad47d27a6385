/* SPDX-License-Identifier: MIT
 *
 * time.c - the clocks
 */
#include "base/time.h"

#include <time.h>

static nsec_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return SEC(ts.tv_sec) + (nsec_t)ts.tv_nsec;
}

nsec_t time_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

nsec_t time_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}
