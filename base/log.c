/* SPDX-License-Identifier: MIT
 *
 * log.c - one line per fact, to stderr, with a level
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = { "error", "warn", "info", "debug" };
static const int syslog_levels[] = { 3, 4, 6, 7 }; /* sd-daemon(3) */

static enum log_level log_max = LOG_LEVEL_INFO;
static const char *log_program = "adit";
static bool log_journal;

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	log_max = level;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
}

bool log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++)
		if (!strcmp(text, level_names[i])) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

bool log_enabled(enum log_level level)
{
	return level <= log_max;
}

void log_at(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;
	int n;

	if (level > log_max)
		return;
	if (log_journal)
		n = snprintf(line, sizeof(line), "<%d>", syslog_levels[level]);
	else
		n = snprintf(line, sizeof(line), "%s: %s%s", log_program,
			     level == LOG_LEVEL_INFO ? "" : level_names[level],
			     level == LOG_LEVEL_INFO ? "" : ": ");
	va_start(args, format);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody is left to tell */
}

bool log_limit_pass(struct log_limit *l, nsec_t interval, nsec_t now)
{
	if (now < l->next) {
		l->held_back++;
		return false;
	}
	l->next = now + interval;
	l->held_back = 0;
	return true;
}
