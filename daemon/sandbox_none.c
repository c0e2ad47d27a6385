/* SPDX-License-Identifier: MIT
 *
 * sandbox_none.c - sandbox.h where libseccomp is missing
 */
#include "daemon/sandbox.h"

int sandbox_process(void)
{
	return 0;
}

int sandbox_worker(void)
{
	return 0;
}
