/* SPDX-License-Identifier: MIT
 *
 * natbox.c - mapping, filtering, poison
 */
#include "tests/sim/natbox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void natbox_init(struct natbox *n, enum nat_kind mapping, enum nat_kind filtering,
		 bool accepts, struct ipaddr external, uint64_t seed)
{
	memset(n, 0, sizeof(*n));
	n->present = true;
	n->mapping = mapping;
	n->filtering = filtering;
	n->accepts = accepts;
	n->external = external;
	n->lifetime = SEC(30);
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
	return r->used && nsec_since(r->last, now) < n->lifetime;
}

static struct natbox_row *fresh_row(struct natbox *n, nsec_t now)
{
	for (unsigned i = 0; i < NATBOX_ROWS; i++)
		if (i == n->rows || !live(n, &n->row[i], now)) {
			n->rows += i == n->rows;
			memset(&n->row[i], 0, sizeof(n->row[i]));
			n->row[i].used = true;
			return &n->row[i];
		}
	abort(); /* the table is too small for this scenario */
}

/* taken() - may not be used towards remote: poisoned, or another host's */
static bool taken(const struct natbox *n, uint16_t port, const struct endpoint *inside,
		  const struct endpoint *remote, nsec_t now)
{
	for (unsigned i = 0; i < n->rows; i++) {
		const struct natbox_row *r = &n->row[i];

		if (!live(n, r, now) || r->port != port)
			continue;
		if (r->stray ? endpoint_eq(&r->remote, remote) :
			       !endpoint_eq(&r->inside, inside))
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
		      n->foreign;
	double p = 1;
	unsigned k = 0;

	n->counted = now;
	if (mean > 30)
		return (unsigned)mean;
	for (;; k++) {
		p *= (double)(prng_u64(&n->prng) >> 11) / (double)(1ull << 53);
		if (p <= exp(-mean))
			return k;
	}
}

/* next_port() - as the allocator chooses */
static uint16_t next_port(struct natbox *n, nsec_t now)
{
	unsigned range = allocator_range(&n->ports);

	if (n->ports.kind == ALLOCATOR_SEQUENTIAL) {
		n->counter = (uint16_t)(n->counter + n->ports.step *
					(int)(1 + others(n, now)));
		if (n->counter < 1024)
			n->counter = (uint16_t)(n->counter + 1024);
		return n->counter;
	}
	if (range)
		return allocator_port(&n->ports, prng_below(&n->prng, range));
	return any_port(n);
}

bool natbox_owns(const struct natbox *n, const struct ipaddr *ip)
{
	unsigned count = n->ports.pool ? n->ports.pool : 1;
	struct ipaddr own = n->external;

	for (unsigned i = 0; i < count; i++, own.b[15]++)
		if (ipaddr_eq(&own, ip))
			return true;
	return false;
}

/* pick() - the mapping of this flow: reuse as RFC 4787 s4.1 says, else preserve */
static uint16_t pick(struct natbox *n, const struct endpoint *inside,
		     const struct endpoint *remote, nsec_t now)
{
	uint16_t port = n->mapping == NAT_KIND_INDEPENDENT ? inside->port :
							     next_port(n, now);

	for (unsigned i = 0; i < n->rows; i++) {
		const struct natbox_row *r = &n->row[i];

		if (!live(n, r, now) || r->stray ||
		    !endpoint_eq(&r->inside, inside) ||
		    !match(n->mapping, &r->remote, remote))
			continue;
		if (!taken(n, r->port, inside, remote, now))
			return r->port;
	}
	while (taken(n, port, inside, remote, now))
		port = next_port(n, now);
	return port;
}

void natbox_out(struct natbox *n, struct endpoint *from, const struct endpoint *to,
		nsec_t now)
{
	struct natbox_row *r;

	if (!n->present)
		return;
	for (unsigned i = 0; i < n->rows; i++) {
		r = &n->row[i];
		if (!live(n, r, now) || r->stray ||
		    !endpoint_eq(&r->inside, from) ||
		    !endpoint_eq(&r->remote, to))
			continue;
		r->last = now;
		from->ip = r->ip;
		from->port = r->port;
		return;
	}
	{
		uint16_t port = pick(n, from, to, now);

		r = fresh_row(n, now);
		r->port = port;
		r->ip = n->external;
		if (n->ports.pool > 1)
			r->ip.b[15] = (uint8_t)(r->ip.b[15] +
				prng_below(&n->prng, n->ports.pool));
	}
	r->inside = *from;
	r->remote = *to;
	r->last = now;
	from->ip = r->ip;
	from->port = r->port;
}

bool natbox_in(struct natbox *n, const struct endpoint *from, struct endpoint *to,
	       nsec_t now)
{
	struct natbox_row *r;

	if (!n->present)
		return true;
	for (unsigned i = 0; i < n->rows; i++) {
		r = &n->row[i];
		if (!live(n, r, now) || r->stray || r->port != to->port ||
		    !ipaddr_eq(&r->ip, &to->ip) ||
		    !match(n->filtering, &r->remote, from))
			continue;
		r->last = now;
		*to = r->inside;
		return true;
	}
	if (!n->accepts)
		return false;
	for (unsigned i = 0; i < n->rows; i++) {
		r = &n->row[i];
		if (live(n, r, now) && r->stray && r->port == to->port &&
		    endpoint_eq(&r->remote, from)) {
			r->last = now;
			return false;
		}
	}
	r = fresh_row(n, now);
	r->stray = true;
	r->remote = *from;
	r->port = to->port;
	r->last = now;
	return false;
}
