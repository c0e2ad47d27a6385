/* SPDX-License-Identifier: MIT
 *
 * log.h - one line per fact, to stderr, with a level
 *
 * Programs log; engines and codecs return. A line starts with its subject:
 * "peer web (3fa9): path 203.0.113.7:41641 alive (12 ms)". Secrets never get
 * here: no secret type has a text form that this file could print. Under systemd
 * (JOURNAL_STREAM set) lines carry the "<N>" prefix of sd-daemon(3).
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "base/time.h"

enum log_level {
	LOG_LEVEL_ERROR, /* something that was asked for does not work */
	LOG_LEVEL_WARN, /* it works, but somebody should look */
	LOG_LEVEL_INFO, /* one line per change of state */
	LOG_LEVEL_DEBUG, /* one line per event; never per packet */
};

/* log_init() - the program's name in front of each line, and the level */
void log_init(const char *program, enum log_level level);

/* log_level_parse() - "error", "warn", "info", "debug" */
must_check bool log_level_parse(const char *text, enum log_level *out);

/* log_at() - any thread; a line is written whole */
void log_at(enum log_level level, const char *format, ...) printf_like(2, 3);

/* log_enabled() - for facts that cost something to put into words */
bool log_enabled(enum log_level level);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* struct log_limit - at most one line per interval for a repeating fact */
struct log_limit {
	nsec_t next; /* not before */
	unsigned held_back; /* lines not written since the last */
};

/* log_limit_pass() - may the line be written now? */
bool log_limit_pass(struct log_limit *l, nsec_t interval, nsec_t now);
