/* SPDX-License-Identifier: MIT
 *
 * upnp_child.h - one run of adit-portmap, which speaks UPnP for us
 *
 * aditd never sees the router's HTTP or XML: it starts the program, reads one line of at
 * most 128 octets through a pipe, checks it, and kills the child when it takes too long.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/loop.h"
#include "traversal/portmap.h"

enum {
	UPNP_LINE_MAX = 128,
};

struct upnp_child {
	pid_t pid; /* 0: none runs */
	enum portmap_job_kind kind;
	int fd;
	struct loop_watch watch;
	struct loop_timer timeout;
	char line[UPNP_LINE_MAX];
	size_t n;
	void (*done)(struct upnp_child *c, const struct portmap_answer *a, nsec_t now);
};

must_check int upnp_child_init(struct upnp_child *c, struct loop *l,
			       void (*done)(struct upnp_child *c,
					    const struct portmap_answer *a,
					    nsec_t now)); /* 0 or -ENOMEM */
/* upnp_child_free() - kills what runs; done is not called */
void upnp_child_free(struct upnp_child *c);

/* upnp_child_start() - done comes later, whatever happens; 0 or negative errno */
must_check int upnp_child_start(struct upnp_child *c, struct loop *l,
				const struct portmap_job *job, nsec_t now);
/* upnp_child_wait() - for a daemon about to end: until it is done, at most `ms` */
void upnp_child_wait(struct upnp_child *c, int ms);

/* upnp_child_parse() - a line of the child, n octets, untrusted; false: nonsense */
must_check bool upnp_child_parse(const char *line, size_t n, enum portmap_job_kind kind,
				 struct portmap_answer *out);
