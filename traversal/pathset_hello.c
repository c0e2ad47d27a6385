/* SPDX-License-Identifier: MIT
 *
 * pathset_hello.c - a ping to whoever of the link is its receiver, and what it does there
 *
 * It is not answered by a pong, which would match no path of the caller's, but by a ping
 * of the called one's own: its pong proves the path for the called side, and the ping
 * itself makes the caller ask back. A copy that somebody sends again elsewhere is a
 * replay; at worst it costs the pings that any unproven address may get.
 */
#include "traversal/pathset_inside.h"

#include <assert.h>

#include "traversal/hello.h"

size_t pathset_hello(struct pathset *ps, uint64_t epoch, uint8_t *out)
{
	struct disco_message m = { .type = DISCO_PING,
				   .flags = DISCO_PING_HELLO,
				   .txid = prng_u64(&ps->prng) | 1u,
				   .generation = ps->self.generation };
	uint8_t plain[DISCO_MAX];
	size_t n = disco_write(&m, plain);

	assert(n + BOX_OVERHEAD <= HELLO_OCTETS_MAX);
	return box_seal(&ps->box, epoch, plain, n, out);
}

bool pathset_is_hello(const struct disco_message *m)
{
	return m->type == DISCO_PING && m->flags & DISCO_PING_HELLO;
}

enum drop pathset_take_hello(struct pathset *ps, const struct pathset_source *src,
			     const struct disco_message *m, nsec_t now)
{
	struct path *p;

	/* nobody can turn a ping into a call, or a call into a ping */
	if (!src->hello || !pathset_is_hello(m))
		return DROP_DISCO_STALE;
	if (src->socket >= ps->socket_count ||
	    !candidate_allowed(&src->from, ps->overlay, ps->overlay_count))
		return DROP_CANDIDATE_REFUSED;
	p = pathset_path(ps, src->socket, &src->from, CANDIDATE_LAN, now);
	if (p)
		pathset_ping_back(p, false, now);
	return DROP_NONE;
}
