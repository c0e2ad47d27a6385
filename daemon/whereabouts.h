/* SPDX-License-Identifier: MIT
 *
 * whereabouts.h - in which network we are, and what we remember of it (glue around places.h)
 *
 * Theory: a node that starts or comes into a network is useful at once if it has been there
 * before: until its NAT is measured, which takes two seconds, it tells peers what the NAT
 * was. The measurement runs all the same and has the last word; another external address
 * than remembered voids it at once.
 */
#pragma once

#include "daemon/node.h"
#include "daemon/places.h"

must_check int whereabouts_start(struct node *n, nsec_t now); /* 0 or -ENOMEM */
void whereabouts_stop(struct node *n);

/* whereabouts_look() - the host's addresses or routes changed: which place is it? */
void whereabouts_look(struct node *n, nsec_t now);

/* whereabouts_recall() - the NAT as remembered, while nothing is measured; external: as servers
 * see us, zero: not known yet. false: nothing is remembered, or it is void */
bool whereabouts_recall(const struct node *n, const struct ipaddr *external,
			struct nat_profile *out);
/* whereabouts_idle() - the lifetime of idle mappings, if it was measured here within a day */
bool whereabouts_idle(const struct node *n, struct lifetime_result *out);

/* whereabouts_learn() - what was measured now; of what did not change no file is written */
void whereabouts_learn(struct node *n, const struct nat_profile *nat,
		       const struct ipaddr *external);
void whereabouts_learn_idle(struct node *n, const struct lifetime_result *idle);

/* whereabouts_save() - places.json, if something new is known; waits for the disk */
void whereabouts_save(struct node *n);

/* whereabouts_age() - seconds since what is in use was measured; 0: it is not remembered */
uint64_t whereabouts_age(const struct node *n);
