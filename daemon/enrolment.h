/* SPDX-License-Identifier: MIT
 *
 * enrolment.h - becoming a member and leaving, as a user asked for it (glue)
 *
 * One join or leave at a time. It outlives the function that began it: the answer goes to
 * the client of the control socket that waits (ctlsocket.h), by its number, when the
 * server has spoken or patience is at its end. A failed join leaves nothing behind.
 */
#pragma once

#include <stdbool.h>

#include "daemon/node.h"

struct enrolment; /* of the node; lives as long as its control socket */

must_check int enrolment_init(struct node *n); /* 0 or -ENOMEM */
void enrolment_done(struct node *n); /* takes a node without one */

/* enrolment_join() - invite, hostname: of the client, NULL: not given; wait: answer only
 * when a relay is there, too */
void enrolment_join(struct node *n, unsigned client, const char *invite,
		    const char *hostname, bool wait);
void enrolment_leave(struct node *n, unsigned client);
/* enrolment_is_leaving() - then all else has to wait: the client is told so */
bool enrolment_is_leaving(struct node *n, unsigned client);

/* What a pending join hears of the server. */
void enrolment_progress(struct node *n, const char *why); /* trouble on the way, or NULL */
void enrolment_refused(struct node *n, const char *why);
void enrolment_joined(struct node *n);
