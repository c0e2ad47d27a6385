/* SPDX-License-Identifier: MIT
 *
 * inside.c - the inner destinations that this node takes packets for
 */
#include "daemon/inside.h"

/* Values of the trie. */
enum {
	FOR_ALL,
	FOR_GUESTS,
};

static bool add(struct trie *t, const struct ipaddr *ip, unsigned bits, uint32_t value)
{
	struct prefix p;

	if (ipaddr_is_zero(ip))
		return true;
	p = prefix_make(*ip, bits);
	return trie_insert(t, &p, value) == 0;
}

static bool add_addresses(struct trie *t, const struct netmap_node *n)
{
	return add(t, &n->v4, 32, FOR_ALL) && add(t, &n->v6, 128, FOR_ALL);
}

static bool add_guests(struct trie *t, const struct netmap *m)
{
	for (unsigned i = 0; m->guest_count && i < m->peer_count; i++)
		if (m->peers[i].gateway && m->peers[i].gateway == m->self.id &&
		    !add_addresses(t, &m->peers[i]))
			return false;
	return true;
}

static bool fill(struct trie *t, const struct netmap *m)
{
	for (unsigned i = 0; i < m->self.route_count; i++)
		if (trie_insert(t, &m->self.routes[i], FOR_ALL) < 0)
			return false;
	/* behind a default route, too, the overlay is not ours to forward into */
	for (unsigned i = 0; i < 2; i++)
		if (m->overlay[i].bits &&
		    trie_insert(t, &m->overlay[i], FOR_GUESTS) < 0)
			return false;
	return add_addresses(t, &m->self) && add_guests(t, m);
}

struct trie *inside_new(const struct netmap *m)
{
	struct trie *t = trie_new();

	if (t && fill(t, m))
		return t;
	trie_free(t);
	return NULL;
}

bool inside_takes(const struct trie *t, enum inside_peer who,
		  const uint8_t *destination, bool v6)
{
	uint32_t value;

	if (!t || who == INSIDE_CONFIGURED)
		return true;
	value = v6 ? trie_find6(t, destination) : trie_find4(t, destination);
	return value == FOR_ALL || (value == FOR_GUESTS && who == INSIDE_GUEST);
}
