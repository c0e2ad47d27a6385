/* SPDX-License-Identifier: MIT
 *
 * server_key.c - a node that logs in with a new tunnel key
 */
#include "base/log.h"
#include "coord/session.h"

struct key_public server_key_of(const struct server *s, const struct session *x)
{
	const struct member *n = members_by_machine(&s->members,
						    channel_peer(x->channel));

	return n ? n->row.tunnel : (struct key_public){ { 0 } };
}

void server_key_replaced(struct server *s, const struct member *n,
			 const struct key_public *old)
{
	if (!n || key_public_is_zero(old) ||
	    key_public_eq(old, &n->row.tunnel))
		return;
	log_info("node %s: has a new tunnel key", n->row.name);
	if (s->p.node_removed)
		s->p.node_removed(s->p.owner, old);
}
