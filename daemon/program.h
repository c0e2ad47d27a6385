/* SPDX-License-Identifier: MIT
 *
 * program.h - programs of the host that we run: without a shell, without waiting
 *
 * Glue: knows processes. Each list of programs runs one after the other beside the
 * loop. A guard is a process that outlives us whatever happens (SIGKILL too), and then
 * runs one program: it undoes what the kernel does not undo with our interface.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/loop.h"

enum {
	PROGRAM_WORDS = 8, /* of one command, with the NULL */
	PROGRAM_WORD = 192, /* octets of a word, with NUL */
	PROGRAM_STEPS = 4,
	PROGRAM_PATIENCE_S = 20, /* for a step; then it is killed */
};

struct program_step {
	char words[PROGRAM_WORDS][PROGRAM_WORD]; /* up to the first empty one */
	const char *input; /* its standard input, borrowed until done(); NULL: none */
};

struct program {
	struct loop *loop;
	struct program_step steps[PROGRAM_STEPS];
	unsigned count, at;
	pid_t pid; /* 0: nothing runs */
	struct loop_watch watch; /* of its pidfd */
	struct loop_timer patience;
	void (*done)(struct program *p, bool ok);
};

/* program_found() - does PATH (and /usr/sbin, /sbin) hold it? */
bool program_found(const char *name);

/* program_add() - one more step; words end with NULL */
void program_add(struct program *p, const char *const *words, const char *input);

/* program_start() - run the steps until one fails; done() is called from the loop.
 * 0 or negative errno (-EBUSY: still running) */
must_check int program_start(struct program *p, struct loop *l,
			     void (*done)(struct program *p, bool ok));
/* program_stop() - kill what runs; done() is not called. Safe on zeroed memory */
void program_stop(struct program *p);

/* program_run() - run one command and wait for it, at most limit_s; 0: it said 0 */
must_check int program_run(const char *const *words, const char *input, unsigned limit_s);

/* program_guard() - run words when the returned fd is closed or this process ends;
 * negative errno on failure */
must_check int program_guard(const char *const *words);
