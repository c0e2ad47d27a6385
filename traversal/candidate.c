/* SPDX-License-Identifier: MIT
 *
 * candidate.c - rank, filter and wire form of endpoints (RFC 8445 s5.1 in spirit)
 *
 * On the wire a list is one octet of count and 20 octets each: kind, flags (bit 0: spare;
 * the others 0, to be ignored), 16 octets of address in canonical form, port. Who attested
 * a candidate is the reader's own knowledge and never believed from the wire.
 */
#include "traversal/candidate.h"

enum {
	PORT_MIN = 1024, /* below: services that no node of ours runs at, */
	PORT_IKE = 500, /* but for the port that some NATs do not change */
	PORT_TLS = 443, /* but for this one, by TCP */
	FLAG_SPARE = 1,
	USUAL_AHEAD = 50, /* so far a spare uplink's rank lies below the usual one's */
};

unsigned candidate_priority(enum candidate_kind k)
{
	switch (k) {
	case CANDIDATE_LAN:
		return 100;
	case CANDIDATE_V6:
		return 95;
	case CANDIDATE_MAPPED:
	case CANDIDATE_PUBLIC:
		return 92;
	case CANDIDATE_PEER_REFLEXIVE:
		return 85;
	case CANDIDATE_REFLEXIVE:
		return 80;
	case CANDIDATE_STATIC:
		return 60;
	case CANDIDATE_TCP:
		return 40;
	case CANDIDATE_TCP_REFLEXIVE:
		return 30;
	}
	return 0;
}

const char *candidate_kind_name(enum candidate_kind k)
{
	switch (k) {
	case CANDIDATE_LAN:
		return "lan";
	case CANDIDATE_V6:
		return "v6";
	case CANDIDATE_MAPPED:
		return "mapped";
	case CANDIDATE_PUBLIC:
		return "public";
	case CANDIDATE_REFLEXIVE:
		return "reflexive";
	case CANDIDATE_STATIC:
		return "static";
	case CANDIDATE_PEER_REFLEXIVE:
		return "peer-reflexive";
	case CANDIDATE_TCP:
		return "tcp";
	case CANDIDATE_TCP_REFLEXIVE:
		return "tcp-reflexive";
	}
	return "unknown";
}

bool candidate_is_tcp(enum candidate_kind k)
{
	return k == CANDIDATE_TCP || k == CANDIDATE_TCP_REFLEXIVE;
}

bool candidate_known(unsigned kind)
{
	return kind >= CANDIDATE_LAN && kind <= CANDIDATE_TCP_REFLEXIVE &&
	       kind != CANDIDATE_PEER_REFLEXIVE;
}

bool candidate_same(const struct candidate *a, const struct candidate *b)
{
	return endpoint_eq(&a->at, &b->at) &&
	       candidate_is_tcp(a->kind) == candidate_is_tcp(b->kind);
}

bool candidate_list_same(const struct candidate_list *a, const struct candidate_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (a->c[i].kind != b->c[i].kind || a->c[i].spare != b->c[i].spare ||
		    !endpoint_eq(&a->c[i].at, &b->c[i].at))
			return false;
	return true;
}

static int find(const struct candidate_list *l, const struct candidate *c)
{
	for (unsigned i = 0; i < l->count; i++)
		if (candidate_same(&l->c[i], c))
			return (int)i;
	return -1;
}

static void take_out(struct candidate_list *l, unsigned i)
{
	for (l->count--; i < l->count; i++)
		l->c[i] = l->c[i + 1];
}

static unsigned rank(const struct candidate *c)
{
	return candidate_priority(c->kind) + (c->spare ? 0 : USUAL_AHEAD);
}

/* put_in() - behind all of equal rank, so that the order of arrival stays */
static void put_in(struct candidate_list *l, const struct candidate *c)
{
	unsigned i = l->count++;

	for (; i > 0; i--) {
		if (rank(&l->c[i - 1]) >= rank(c))
			break;
		l->c[i] = l->c[i - 1];
	}
	l->c[i] = *c;
}

bool candidate_add(struct candidate_list *l, const struct candidate *c)
{
	int old = find(l, c);
	struct candidate merged = *c;

	if (!candidate_known(c->kind) || c->at.port == 0)
		return false;
	if (old >= 0) {
		merged.attested |= l->c[old].attested;
		if (rank(&l->c[old]) >= rank(c)) {
			l->c[old].attested = merged.attested;
			return true;
		}
		take_out(l, (unsigned)old);
	}
	if (l->count >= CANDIDATES_MAX)
		return false;
	put_in(l, &merged);
	return true;
}

static bool address_allowed(const struct endpoint *e, const struct prefix *overlay,
			    unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (prefix_contains(&overlay[i], &e->ip))
			return false;
	switch (ipaddr_class(&e->ip)) {
	case ADDR_CLASS_UNSPECIFIED:
	case ADDR_CLASS_LOOPBACK:
	case ADDR_CLASS_MULTICAST:
	case ADDR_CLASS_BROADCAST:
	case ADDR_CLASS_TRANSLATION:
		return false;
	case ADDR_CLASS_LINK_LOCAL: /* a scope never comes from the wire */
		return !ipaddr_is_v4(&e->ip) && e->scope != 0;
	case ADDR_CLASS_PRIVATE:
	case ADDR_CLASS_SHARED:
	case ADDR_CLASS_GLOBAL:
		return true;
	}
	return false;
}

bool candidate_allowed(const struct endpoint *e, const struct prefix *overlay,
		       unsigned n)
{
	return (e->port >= PORT_MIN || e->port == PORT_IKE) &&
	       address_allowed(e, overlay, n);
}

bool candidate_tcp_allowed(const struct endpoint *e, const struct prefix *overlay,
			   unsigned n)
{
	return (e->port >= PORT_MIN || e->port == PORT_TLS) &&
	       address_allowed(e, overlay, n);
}

void candidate_list_write(const struct candidate_list *l, struct writer *w)
{
	writer_u8(w, (uint8_t)l->count);
	for (unsigned i = 0; i < l->count; i++) {
		writer_u8(w, (uint8_t)l->c[i].kind);
		writer_u8(w, l->c[i].spare ? FLAG_SPARE : 0);
		writer_put(w, l->c[i].at.ip.b, 16);
		writer_be16(w, l->c[i].at.port);
	}
}

bool candidate_list_read(struct reader *r, struct candidate_list *out)
{
	struct candidate_list l = { .count = 0 };
	unsigned n = reader_u8(r);

	for (unsigned i = 0; i < n && !r->failed; i++) {
		struct candidate c = { .attested = false };
		unsigned kind = reader_u8(r);

		c.spare = reader_u8(r) & FLAG_SPARE;
		reader_copy(r, c.at.ip.b, 16);
		c.at.port = reader_be16(r);
		if (r->failed || !candidate_known(kind))
			continue;
		c.kind = (enum candidate_kind)kind;
		(void)candidate_add(&l, &c);
	}
	if (r->failed)
		return false;
	*out = l;
	return true;
}
