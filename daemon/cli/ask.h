/* SPDX-License-Identifier: MIT
 *
 * ask.h - one question to aditd over its control socket, and the answer
 *
 * Blocking. On every failure one line has been written to stderr, and the return value
 * is the exit status to end with.
 */
#pragma once

#include <stdbool.h>

#include "base/attr.h"
#include "daemon/cli/cli.h"
#include "daemon/cli/show.h"

enum {
	ASK_ANSWER_MAX = 64 << 20, /* octets of one line of an answer */
};

/* What to do with {"event":..} lines before the result; NULL: ignore them. */
struct ask_events {
	void *owner;
	/* event() - false: enough, stop asking */
	bool (*event)(void *owner, const json_t *event);
};

/**
 * ask() - Send, read events, read the result
 * @request:   Owned by ask(), may be NULL (out of memory)
 * @timeout_s: Longest silence of aditd
 * @events:    May be NULL
 * @result:    The "result" object, the caller's to json_decref(); NULL if an event
 *             stopped the asking. Unchanged on failure
 * Return: EXIT_DONE, EXIT_REFUSED, EXIT_NO_DAEMON, EXIT_NOT_PERMITTED or
 * EXIT_NEEDS_JOIN
 */
must_check int ask(const struct cli_args *a, json_t *request,
		   unsigned timeout_s, const struct ask_events *events,
		   json_t **result);

/* ask_simple() - ask {"cmd":cmd} */
must_check int ask_simple(const struct cli_args *a, const char *cmd,
			  unsigned timeout_s, json_t **result);
