/* SPDX-License-Identifier: MIT
 *
 * time.h - the one unit of time, and the only way to ask for it
 *
 * Engines never read a clock: `now` is handed down. Only programs (the daemon,
 * the servers, tests) call time_now(), once per wake-up.
 */
#pragma once

#include <stdint.h>

typedef uint64_t nsec_t; /* nanoseconds since an arbitrary start */

#define NSEC_NEVER UINT64_MAX
#define USEC(n)	   ((nsec_t)(n) * 1000u)
#define MSEC(n)	   ((nsec_t)(n) * 1000000u)
#define SEC(n)	   ((nsec_t)(n) * 1000000000u)

/**
 * time_now() - Monotonic time
 * Return: nanoseconds; never 0 (0 means "not yet" in structs)
 */
nsec_t time_now(void);

/**
 * time_wall() - Wall clock, for certificates, tokens and TAI64N only
 * Return: nanoseconds since 1970 UTC
 */
nsec_t time_wall(void);

static inline nsec_t nsec_min(nsec_t a, nsec_t b)
{
	return a < b ? a : b;
}

static inline nsec_t nsec_max(nsec_t a, nsec_t b)
{
	return a > b ? a : b;
}

/* nsec_add() - a + b, saturating at NSEC_NEVER */
static inline nsec_t nsec_add(nsec_t a, nsec_t b)
{
	return a > NSEC_NEVER - b ? NSEC_NEVER : a + b;
}

/* nsec_since() - how long ago was then; 0 if it lies in the future */
static inline nsec_t nsec_since(nsec_t then, nsec_t now)
{
	return now > then ? now - then : 0;
}
