/* SPDX-License-Identifier: MIT
 *
 * acl.c - the access rules of this node, compiled: may this peer send this packet?
 */
#include "daemon/acl.h"

#include <stdlib.h>
#include <string.h>

#include "tun/classify.h"

enum {
	PORT_WORDS = 65536 / 64,
	PROTOCOL_WORDS = 256 / 64,
};

/* What some peers may send from their own addresses to ours. */
struct acl_class {
	uint64_t protocols[PROTOCOL_WORDS]; /* allowed whole */
	uint64_t *tcp, *udp; /* PORT_WORDS; NULL: none */
	uint64_t *sources; /* which lists name these peers */
};

struct acl_slot {
	bool known, exempt;
	uint8_t v4[4], v6[16]; /* the peer's own addresses */
	uint32_t of[2]; /* class for IPv4 and IPv6 */
};

/* A machine that is no node: what it sends comes from its gateway's slot. */
struct acl_guest {
	uint32_t slot;
	bool ours; /* we are the gateway, and the slot is its own */
	struct acl_slot who;
};

struct acl {
	struct rules *rules; /* for subnets */
	struct prefix overlay[2];
	struct acl_guest *guests;
	unsigned guest_count;
	uint8_t v4[4], v6[16]; /* ours */
	struct acl_slot *slots;
	uint32_t slot_count;
	struct acl_class *classes;
	unsigned class_count;
};

/* ---- compiling ---- */

static void own_addresses(const struct rules_node *n, uint8_t v4[static 4],
			  uint8_t v6[static 16])
{
	memcpy(v4, n->v4.b + 12, 4);
	memcpy(v6, n->v6.b, 16);
}

/* names() - does this list name the peer, for packets of this family? */
static bool names(const struct rules_list *l, const struct rules_node *n, bool v6)
{
	const struct ipaddr *own = v6 ? &n->v6 : &n->v4;

	for (unsigned i = 0; i < l->count; i++)
		if (rules_selects(&l->s[i], n) ||
		    (l->s[i].kind == RULES_SELECT_NET && !ipaddr_is_zero(own) &&
		     prefix_contains(&l->s[i].net, own)))
			return true;
	return false;
}

static void allow_all(struct acl_class *c)
{
	memset(c->protocols, 0xff, sizeof(c->protocols));
}

static bool allow_ports(uint64_t **ports, unsigned first, unsigned last)
{
	if (!*ports)
		*ports = calloc(PORT_WORDS, sizeof(**ports));
	for (unsigned p = first; *ports && p <= last; p++)
		(*ports)[p / 64] |= (uint64_t)1 << p % 64;
	return *ports;
}

static bool allow(struct acl_class *c, const struct rules_allow *a)
{
	if (a->protocol == RULES_ANY)
		allow_all(c);
	else if (a->protocol == CLASSIFY_TCP)
		return allow_ports(&c->tcp, a->first, a->last);
	else if (a->protocol == CLASSIFY_UDP)
		return allow_ports(&c->udp, a->first, a->last);
	else
		c->protocols[a->protocol / 64] |= (uint64_t)1
						  << a->protocol % 64;
	return true;
}

static bool fill_class(const struct rules *r, struct acl_class *c)
{
	for (unsigned i = 0; i < r->allow_count; i++) {
		const struct rules_allow *a = &r->allow[i];

		if (a->net == RULES_OWN &&
		    c->sources[a->source / 64] >> a->source % 64 & 1 &&
		    !allow(c, a))
			return false;
	}
	return true;
}

/* class_of() - the class of peers that these lists name; takes sources over */
static bool class_of(struct acl *a, uint64_t *sources, size_t words, uint32_t *out)
{
	struct acl_class *c;

	for (unsigned i = 0; i < a->class_count; i++) {
		if (memcmp(a->classes[i].sources, sources, words * 8))
			continue;
		free(sources);
		*out = i;
		return true;
	}
	c = &a->classes[a->class_count];
	c->sources = sources;
	*out = a->class_count++;
	return fill_class(a->rules, c);
}

static struct acl_slot *slot_for(struct acl *a, const struct acl_peer *p)
{
	struct acl_guest *g = &a->guests[a->guest_count];

	if (!p->guest)
		return &a->slots[p->slot];
	a->guest_count++;
	g->slot = p->slot;
	g->ours = p->ours;
	return &g->who;
}

static bool add_peer(struct acl *a, const struct acl_peer *p)
{
	struct acl_slot *s = slot_for(a, p);
	size_t words = a->rules->source_count / 64 + 1;

	s->known = true;
	s->exempt = p->exempt;
	own_addresses(&p->node, s->v4, s->v6);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint64_t *sources = calloc(words, sizeof(*sources));

		for (unsigned i = 0; sources && i < a->rules->source_count; i++)
			if (names(&a->rules->sources[i], &p->node, v6))
				sources[i / 64] |= (uint64_t)1 << i % 64;
		if (!sources || !class_of(a, sources, words, &s->of[v6]))
			return false;
	}
	if (p->guest && p->ours) /* its slot is its own */
		a->slots[p->slot] = *s;
	return true;
}

struct acl *acl_new(const struct rules *r, const struct rules_node *self,
		    const struct prefix overlay[static 2],
		    const struct acl_peer *peers, unsigned count)
{
	struct acl *a = calloc(1, sizeof(*a));
	bool ok = a != NULL;

	if (!ok)
		return NULL;
	own_addresses(self, a->v4, a->v6);
	for (unsigned i = 0; i < count; i++)
		if (peers[i].slot >= a->slot_count)
			a->slot_count = peers[i].slot + 1;
	a->rules = rules_copy(r);
	a->slots = calloc(a->slot_count + 1, sizeof(*a->slots));
	a->guests = calloc(count + 1, sizeof(*a->guests));
	memcpy(a->overlay, overlay, sizeof(a->overlay));
	a->classes = calloc(2 * (size_t)count + 1, sizeof(*a->classes));
	ok = a->rules && a->slots && a->classes && a->guests;
	for (unsigned i = 0; ok && i < count; i++)
		ok = add_peer(a, &peers[i]);
	if (ok)
		return a;
	acl_free(a);
	return NULL;
}

void acl_free(struct acl *a)
{
	if (!a)
		return;
	for (unsigned i = 0; i < a->class_count; i++) {
		free(a->classes[i].tcp);
		free(a->classes[i].udp);
		free(a->classes[i].sources);
	}
	free(a->classes);
	free(a->slots);
	free(a->guests);
	rules_free(a->rules);
	free(a);
}

/* ---- asking ---- */

static bool bit(const uint64_t *words, unsigned i)
{
	return words[i / 64] >> i % 64 & 1;
}

static bool class_allows(const struct acl_class *c, uint8_t protocol, uint16_t port)
{
	if (bit(c->protocols, protocol))
		return true;
	if (protocol == CLASSIFY_TCP)
		return c->tcp && bit(c->tcp, port);
	return protocol == CLASSIFY_UDP && c->udp && bit(c->udp, port);
}

static struct ipaddr address_of(const uint8_t *b, bool v6)
{
	return v6 ? ipaddr_from_v6(b) : ipaddr_from_v4(b);
}

static bool in_nets(const struct rules_list *l, const struct ipaddr *ip)
{
	for (unsigned i = 0; i < l->count; i++)
		if (l->s[i].kind == RULES_SELECT_NET &&
		    prefix_contains(&l->s[i].net, ip))
			return true;
	return false;
}

static bool serves(const struct rules_allow *a, uint8_t protocol, uint16_t port)
{
	bool has_port = protocol == CLASSIFY_TCP || protocol == CLASSIFY_UDP;

	return a->protocol == RULES_ANY ||
	       (a->protocol == protocol &&
		(!has_port || (a->first <= port && port <= a->last)));
}

/* Who asks whom: what a rule is compared with. */
struct question {
	bool v6;
	const uint8_t *from, *to; /* addresses */
	uint8_t protocol;
	uint16_t port; /* at `to` */
};

/*
 * subnet_allows() - rule by rule, for subnets behind the peer or behind us. What names
 * the peer itself (c: by tag, name or as one of all; NULL: it is not the sender) does
 * not speak for what is behind it.
 */
static bool subnet_allows(const struct acl *a, const struct acl_class *c,
			  const struct question *q, bool to_us)
{
	struct ipaddr from = address_of(q->from, q->v6);
	struct ipaddr to = address_of(q->to, q->v6);

	for (unsigned i = 0; i < a->rules->allow_count; i++) {
		const struct rules_allow *r = &a->rules->allow[i];

		if (!serves(r, q->protocol, q->port) ||
		    (r->net == RULES_OWN) != to_us)
			continue;
		if ((to_us || in_nets(&a->rules->nets[r->net], &to)) &&
		    (c ? bit(c->sources, r->source) :
			 in_nets(&a->rules->sources[r->source], &from)))
			return true;
	}
	return false;
}

/* guest_at() - whose address it is: a guest of ours, or behind that slot; NULL: none */
static const struct acl_guest *guest_at(const struct acl *a, uint32_t slot, bool ours,
					const uint8_t *address, bool v6)
{
	for (unsigned i = 0; i < a->guest_count; i++) {
		const struct acl_guest *g = &a->guests[i];
		const struct acl_slot *w = &g->who;

		if ((ours ? g->ours : g->slot == slot) &&
		    !memcmp(address, v6 ? w->v6 : w->v4, v6 ? 16 : 4))
			return g;
	}
	return NULL;
}

/* judged_there() - from a guest of ours to another node, which knows the guest too */
static bool judged_there(const struct acl *a, uint32_t slot, const struct question *q)
{
	const struct acl_guest *g = guest_at(a, slot, false, q->from, q->v6);
	struct ipaddr to = address_of(q->to, q->v6);

	return g && g->ours && prefix_contains(&a->overlay[q->v6], &to) &&
	       !guest_at(a, slot, true, q->to, q->v6);
}

static bool allows(const struct acl *a, uint32_t slot, const struct question *q)
{
	const struct acl_slot *s = &a->slots[slot];
	const struct acl_guest *g;
	size_t n = q->v6 ? 16 : 4;
	bool from_peer = !memcmp(q->from, q->v6 ? s->v6 : s->v4, n);
	bool to_us = !memcmp(q->to, q->v6 ? a->v6 : a->v4, n);

	const struct acl_class *c = from_peer ? &a->classes[s->of[q->v6]] : NULL;

	g = c || !a->guest_count ? NULL : guest_at(a, slot, false, q->from, q->v6);
	if (g)
		c = &a->classes[g->who.of[q->v6]];
	if (c && to_us)
		return class_allows(c, q->protocol, q->port);
	if (a->guest_count && !to_us && judged_there(a, slot, q))
		return true;
	return subnet_allows(a, c, q, to_us);
}

/* about_allowed() - an ICMP error about our answer to what the peer may send us */
static bool about_allowed(const struct acl *a, uint32_t slot,
			  const struct classify *c)
{
	struct classify q;
	struct question about;

	if (c->icmp != CLASSIFY_ERROR ||
	    !classify_quoted(c->quoted, c->quoted_n, &q) ||
	    q.part == CLASSIFY_LATER)
		return false;
	about = (struct question){ q.v6, q.destination, q.source, q.protocol,
				   q.source_port };
	return allows(a, slot, &about);
}

static enum drop judge(const struct acl *a, uint32_t slot, struct flows *f,
		       struct flows_memo *memo, const struct classify *c, nsec_t now)
{
	const struct question q = { c->v6, c->source, c->destination, c->protocol,
				    c->destination_port };

	if (c->part == CLASSIFY_LATER)
		return flows_has_fragment(f, c, now) ? DROP_NONE :
						       DROP_ACL_DENIED;
	if (allows(a, slot, &q))
		flows_allowed(f, c, memo, now);
	else if (!flows_answers(f, c, now) && !about_allowed(a, slot, c))
		return DROP_ACL_DENIED;
	if (c->part == CLASSIFY_FIRST)
		flows_fragment(f, c, now);
	return DROP_NONE;
}

enum drop acl_inbound(const struct acl *a, struct flows *f, struct flows_memo *memo,
		      uint32_t slot, const uint8_t *p, size_t n, nsec_t now)
{
	const struct acl_slot *s =
		slot < a->slot_count ? &a->slots[slot] : NULL;
	struct classify c;

	if (!s || !s->known)
		return DROP_ACL_DENIED;
	if (s->exempt)
		return DROP_NONE;
	if (!classify(p, n, &c))
		return DROP_ACL_MALFORMED;
	return judge(a, slot, f, memo, &c, now);
}
