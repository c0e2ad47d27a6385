/* SPDX-License-Identifier: MIT
 *
 * cpu.c - what another process has used, by /proc
 */
#include "tests/bench/cpu.h"

#include <glob.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static double cpu_seconds(const char *pid)
{
	char pattern[64];
	double all = 0;
	glob_t g;

	snprintf(pattern, sizeof(pattern), "/proc/%s/task/*/schedstat", pid);
	if (glob(pattern, 0, NULL, &g))
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FILE *f = fopen(g.gl_pathv[i], "r");
		double ns = 0;

		if (f && fscanf(f, "%lf", &ns) == 1)
			all += ns / 1e9;
		if (f)
			fclose(f);
	}
	globfree(&g);
	return all;
}

double resident_kib(const char *pid)
{
	char path[64], line[128];
	double kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %lf", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static double cpu_machine(void)
{
	FILE *f = fopen("/proc/stat", "r");
	double user = 0, nice = 0, system = 0;
	int got = f ? fscanf(f, "cpu %lf %lf %lf", &user, &nice, &system) : 0;

	if (f)
		fclose(f);
	return got == 3 ? (user + nice + system) / (double)sysconf(_SC_CLK_TCK) : 0;
}

static double of_all(const char *pid)
{
	return cpu_machine() - cpu_seconds(pid) - cpu_seconds("self");
}

void cpu_watch(struct cpu_watch *w, const char *pid)
{
	w->pid = pid;
	w->relay = cpu_seconds(pid);
	w->others = of_all(pid);
	w->begun = time_now();
}

double cpu_used(const struct cpu_watch *w)
{
	return cpu_seconds(w->pid) - w->relay;
}

double cpu_others(const struct cpu_watch *w)
{
	double s = (double)nsec_since(w->begun, time_now()) / 1e9;
	double used = of_all(w->pid) - w->others;

	return s > 0 && used > 0 ? 100 * used / s / (double)get_nprocs() : 0;
}
