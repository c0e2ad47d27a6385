/* SPDX-License-Identifier: MIT
 *
 * cpu.h - what a relay under test uses, by /proc, and what the rest of the machine does
 */
#pragma once

#include "base/time.h"

struct cpu_watch {
	const char *pid; /* borrowed; no such process: all is 0 */
	double relay, others;
	nsec_t begun;
};

void cpu_watch(struct cpu_watch *w, const char *pid);
/* cpu_used() - seconds, of all its threads, since cpu_watch() */
double cpu_used(const struct cpu_watch *w);
/* cpu_others() - percent of the machine that neither it nor we have used */
double cpu_others(const struct cpu_watch *w);
double resident_kib(const char *pid);
