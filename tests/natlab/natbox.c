/* SPDX-License-Identifier: MIT
 *
 * natbox.c - mapping, filtering, poison, bans
 */
#include "tests/natlab/natbox.h"

#include <math.h>
#include <string.h>

enum {
	PORT_TRIES = 65536, /* a random draw that finds none free in so many: all in use */
};

void natbox_init(struct natbox *n, enum nat_kind mapping, enum nat_kind filtering,
		 const struct natbox_rules *rules, uint64_t seed)
{
	memset(n, 0, sizeof(*n));
	n->present = true;
	n->mapping = mapping;
	n->filtering = filtering;
	n->rules = *rules;
	if (!n->rules.lifetime)
		n->rules.lifetime = SEC(30);
	if (!n->rules.lifetime_replied)
		n->rules.lifetime_replied = n->rules.lifetime;
	if (!n->rules.sessions || n->rules.sessions > NATBOX_ROWS)
		n->rules.sessions = NATBOX_ROWS;
	n->prng.state = seed;
	n->counter = (uint16_t)(2000 + prng_below(&n->prng, 60000));
}

void natbox_forget(struct natbox *n, const struct prefix *keep, uint64_t seed)
{
	for (unsigned i = 0; i < n->rows; i++)
		if (!keep || !prefix_contains(keep, &n->row[i].remote.ip))
			n->row[i].used = false;
	memset(n->scanner, 0, sizeof(n->scanner));
	n->prng.state = seed;
	n->counter = (uint16_t)(2000 + prng_below(&n->prng, 60000));
}

static bool match(enum nat_kind k, const struct endpoint *a, const struct endpoint *b)
{
	switch (k) {
	case NAT_KIND_INDEPENDENT:
		return true;
	case NAT_KIND_ADDRESS:
		return ipaddr_eq(&a->ip, &b->ip);
	case NAT_KIND_ADDRESS_PORT:
		return endpoint_eq(a, b);
	}
	return false;
}

static bool live(const struct natbox *n, const struct natbox_row *r, nsec_t now)
{
	nsec_t life = r->replied ? n->rules.lifetime_replied : n->rules.lifetime;

	if (n->rules.absolute && nsec_since(r->made, now) >= n->rules.absolute)
		return false;
	return r->used && nsec_since(r->last, now) < life;
}

static struct natbox_row *fresh_row(struct natbox *n, uint8_t proto, nsec_t now)
{
	for (unsigned i = 0; i < n->rules.sessions; i++)
		if (i == n->rows || !live(n, &n->row[i], now)) {
			n->rows += i == n->rows;
			memset(&n->row[i], 0, sizeof(n->row[i]));
			n->row[i].used = true;
			n->row[i].proto = proto;
			n->row[i].made = n->row[i].last = now;
			n->created++;
			return &n->row[i];
		}
	return NULL;
}

/* taken() - may not be used towards remote: poisoned, or another host's */
static bool taken(const struct natbox *n, uint16_t port, const struct natbox_packet *p,
		  nsec_t now)
{
	for (unsigned i = 0; i < n->rows; i++) {
		const struct natbox_row *r = &n->row[i];

		if (r->port != port || r->proto != p->proto || !live(n, r, now))
			continue;
		if (r->stray ? endpoint_eq(&r->remote, &p->to) :
			       !endpoint_eq(&r->inside, &p->from))
			return true;
	}
	return false;
}

static uint16_t any_port(struct natbox *n)
{
	return (uint16_t)(1024 + prng_below(&n->prng, 64512));
}

/* others() - mappings that other hosts made meanwhile: Poisson, by Knuth's method. No
 * packet leaves a host in less than 0.3 ms after the one before */
static unsigned others(struct natbox *n, nsec_t now)
{
	double mean = (double)(nsec_since(n->counted, now) + USEC(300)) / 1e9 *
		      n->rules.foreign;
	double p = 1;
	unsigned k = 0;

	n->counted = now;
	if (mean > 30)
		return mean < 65536 ? (unsigned)mean : 65536;
	for (;; k++) {
		p *= (double)(prng_u64(&n->prng) >> 11) / (double)(1ull << 53);
		if (p <= exp(-mean))
			return k;
	}
}

/* next_port() - as the allocator chooses */
static uint16_t next_port(struct natbox *n, nsec_t now)
{
	const struct allocator *a = &n->rules.ports;
	unsigned range = allocator_range(a);

	if (a->kind == ALLOCATOR_SEQUENTIAL) {
		n->counter = (uint16_t)(n->counter +
					a->step * (int)(1 + others(n, now)));
		if (n->counter < 1024)
			n->counter = (uint16_t)(n->counter + 1024);
		return n->counter;
	}
	if (range)
		return allocator_port(a, prng_below(&n->prng, range));
	return any_port(n);
}

static bool preserves(const struct natbox *n)
{
	enum allocator_kind k = n->rules.ports.kind;

	return k == ALLOCATOR_PRESERVING ||
	       (k == ALLOCATOR_UNKNOWN && n->mapping == NAT_KIND_INDEPENDENT);
}

static unsigned pool(const struct natbox *n)
{
	return n->rules.ports.pool ? n->rules.ports.pool : 1;
}

bool natbox_owns(const struct natbox *n, const struct ipaddr *ip)
{
	struct ipaddr own = n->rules.external;

	for (unsigned i = 0; i < pool(n); i++, own.b[15]++)
		if (ipaddr_eq(&own, ip))
			return true;
	return false;
}

/* shared() - the mapping that this flow shares (RFC 4787 s4.1); NULL: a new one */
static const struct natbox_row *shared(const struct natbox *n,
				       const struct natbox_packet *p, nsec_t now)
{
	for (unsigned i = 0; i < n->rows; i++) {
		const struct natbox_row *r = &n->row[i];

		if (!r->stray && r->proto == p->proto && live(n, r, now) &&
		    endpoint_eq(&r->inside, &p->from) &&
		    match(n->mapping, &r->remote, &p->to) &&
		    !taken(n, r->port, p, now))
			return r;
	}
	return NULL;
}

/* address() - of the pool, for a new mapping */
static struct ipaddr address(struct natbox *n, const struct natbox_packet *p)
{
	struct ipaddr ip = n->rules.external;

	if (pool(n) > 1)
		ip.b[15] = (uint8_t)(ip.b[15] +
				     (n->rules.paired ? p->from.ip.b[15] % pool(n) :
							prng_below(&n->prng, pool(n))));
	return ip;
}

/* pick() - external endpoint of a new session; false: no port is free */
static bool pick(struct natbox *n, const struct natbox_packet *p, struct endpoint *out,
		 nsec_t now)
{
	const struct natbox_row *r = shared(n, p, now);
	uint16_t port;

	if (r) {
		*out = (struct endpoint){ .ip = r->ip, .port = r->port };
		return true;
	}
	port = preserves(n) ? p->from.port : next_port(n, now);
	for (unsigned i = 0; taken(n, port, p, now); i++) {
		if (i == PORT_TRIES)
			return false;
		port = next_port(n, now);
	}
	*out = (struct endpoint){ .ip = address(n, p), .port = port };
	return true;
}

/* ---- scan detection ---- */

static struct natbox_scanner *scanner(struct natbox *n, const struct ipaddr *ip,
				      nsec_t now)
{
	struct natbox_scanner *oldest = &n->scanner[0];

	for (unsigned i = 0; i < NATBOX_SCANNERS; i++) {
		struct natbox_scanner *s = &n->scanner[i];

		if (s->start && ipaddr_eq(&s->ip, ip))
			return s;
		if (s->until <= now && s->start < oldest->start)
			oldest = s;
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->ip = *ip;
	oldest->start = now;
	return oldest;
}

static bool banned(const struct natbox *n, const struct ipaddr *ip, nsec_t now)
{
	for (unsigned i = 0; n->rules.ban_ports && i < NATBOX_SCANNERS; i++)
		if (n->scanner[i].until > now && ipaddr_eq(&n->scanner[i].ip, ip))
			return true;
	return false;
}

/* suspect() - ip tried that port, or one of ours tried it there */
static void suspect(struct natbox *n, const struct ipaddr *ip, uint16_t port, nsec_t now)
{
	struct natbox_scanner *s;

	if (!n->rules.ban_ports)
		return;
	s = scanner(n, ip, now);
	if (nsec_since(s->start, now) >= n->rules.ban_window) {
		s->start = now;
		s->ports = 0;
		memset(s->tried, 0, sizeof(s->tried));
	}
	if (s->tried[port / 8] & 1u << port % 8)
		return;
	s->tried[port / 8] |= (uint8_t)(1u << port % 8);
	if (++s->ports <= n->rules.ban_ports)
		return;
	s->until = nsec_add(now, n->rules.ban_time);
	n->bans++;
}

/* ---- packets ---- */

static struct natbox_row *session(struct natbox *n, const struct natbox_packet *p,
				  nsec_t now)
{
	struct endpoint at;
	struct natbox_row *r;

	for (unsigned i = 0; i < n->rows; i++) {
		r = &n->row[i];
		if (!r->stray && r->proto == p->proto &&
		    endpoint_eq(&r->inside, &p->from) &&
		    endpoint_eq(&r->remote, &p->to) && live(n, r, now))
			return r;
	}
	if (!pick(n, p, &at, now))
		return NULL;
	r = fresh_row(n, p->proto, now);
	if (!r)
		return NULL;
	r->ip = at.ip;
	r->port = at.port;
	r->inside = p->from;
	r->remote = p->to;
	if (n->rules.ban_outbound)
		suspect(n, &p->to.ip, p->to.port, now);
	return r;
}

enum natbox_verdict natbox_out(struct natbox *n, struct natbox_packet *p, nsec_t now)
{
	struct natbox_row *r;

	if (!n->present)
		return NATBOX_PASS;
	if (banned(n, &p->to.ip, now))
		return NATBOX_BANNED;
	r = session(n, p, now);
	if (!r)
		return NATBOX_FULL;
	r->last = now;
	p->from = (struct endpoint){ .ip = r->ip, .port = r->port };
	if (!natbox_owns(n, &p->to.ip))
		return NATBOX_PASS;
	if (!n->rules.hairpin)
		return NATBOX_FILTERED;
	return natbox_in(n, p, now) == NATBOX_PASS ? NATBOX_HAIRPIN : NATBOX_FILTERED;
}

/* take_stray() - the router's own INPUT chain accepts it: an entry, or its refresh */
static enum natbox_verdict take_stray(struct natbox *n, const struct natbox_packet *p,
				      nsec_t now)
{
	struct natbox_row *r;

	if (!n->rules.accepts)
		return NATBOX_FILTERED;
	for (unsigned i = 0; i < n->rows; i++) {
		r = &n->row[i];
		if (r->stray && r->port == p->to.port && r->proto == p->proto &&
		    endpoint_eq(&r->remote, &p->from) && live(n, r, now)) {
			r->last = now;
			return NATBOX_STRAY;
		}
	}
	r = fresh_row(n, p->proto, now);
	if (!r)
		return NATBOX_FULL;
	r->stray = true;
	r->remote = p->from;
	r->ip = p->to.ip;
	r->port = p->to.port;
	return NATBOX_STRAY;
}

enum natbox_verdict natbox_in(struct natbox *n, struct natbox_packet *p, nsec_t now)
{
	if (!n->present)
		return NATBOX_PASS;
	if (banned(n, &p->from.ip, now))
		return NATBOX_BANNED;
	for (unsigned i = 0; i < n->rows; i++) {
		struct natbox_row *r = &n->row[i];

		if (r->port != p->to.port || r->stray || r->proto != p->proto ||
		    !ipaddr_eq(&r->ip, &p->to.ip) ||
		    !match(n->filtering, &r->remote, &p->from) || !live(n, r, now))
			continue;
		if (!n->rules.no_inbound_refresh)
			r->last = now;
		r->replied = true;
		p->to = r->inside;
		return NATBOX_PASS;
	}
	suspect(n, &p->from.ip, p->to.port, now);
	return take_stray(n, p, now);
}

bool natbox_error(const struct natbox *n, uint8_t proto, struct endpoint *from,
		  const struct endpoint *to, nsec_t now)
{
	if (!n->present)
		return true;
	for (unsigned i = 0; i < n->rows; i++) {
		const struct natbox_row *r = &n->row[i];

		if (!r->stray && r->proto == proto && r->port == from->port &&
		    ipaddr_eq(&r->ip, &from->ip) && endpoint_eq(&r->remote, to) &&
		    live(n, r, now)) {
			*from = r->inside;
			return true;
		}
	}
	return false;
}

unsigned natbox_sessions(const struct natbox *n, nsec_t now)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n->rows; i++)
		k += live(n, &n->row[i], now) && !n->row[i].stray;
	return k;
}
