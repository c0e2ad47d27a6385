/* SPDX-License-Identifier: MIT
 *
 * disco.c - discovery messages to and from octets
 */
#include "traversal/disco.h"

#include "traversal/lifetime.h"

static unsigned nat_flags(const struct nat_profile *nat)
{
	return (nat->known ? DISCO_NAT_KNOWN : 0u) |
	       (nat->mapping_varies ? DISCO_NAT_VARIES : 0u) |
	       (nat->filter_independent ? DISCO_NAT_FILTER_INDEPENDENT : 0u) |
	       (nat->opener_needed ? DISCO_NAT_OPENER_NEEDED : 0u);
}

enum {
	ALLOCATOR_OCTETS = 14,
};

static void write_allocator(const struct nat_profile *nat, struct writer *w)
{
	const struct allocator *a = &nat->allocator;

	writer_u8(w, (uint8_t)a->kind);
	writer_u8(w, (uint8_t)((nat->hairpin ? DISCO_NAT_HAIRPIN : 0u) |
			       (nat->no_scan ? DISCO_NAT_NO_SCAN : 0u) |
			       (nat->no_udp ? DISCO_NAT_NO_UDP : 0u)));
	writer_be16(w, (uint16_t)a->step);
	writer_be16(w, a->low);
	writer_be16(w, a->high);
	writer_be16(w, a->mask);
	writer_be16(w, a->bits);
	writer_u8(w, (uint8_t)(a->pool > 255 ? 255 : a->pool));
	writer_u8(w, nat->levels);
}

/* read_allocator() - an older peer sends none; an impossible one counts as unknown */
static void read_allocator(struct nat_profile *nat, struct reader *r)
{
	struct allocator a = { .kind = ALLOCATOR_UNKNOWN };
	unsigned more;

	if (reader_left(r) < ALLOCATOR_OCTETS)
		return;
	a.kind = (enum allocator_kind)reader_u8(r);
	more = reader_u8(r);
	a.step = (int16_t)reader_be16(r);
	a.low = reader_be16(r);
	a.high = reader_be16(r);
	a.mask = reader_be16(r);
	a.bits = reader_be16(r);
	a.pool = reader_u8(r);
	nat->levels = reader_u8(r);
	nat->hairpin = more & DISCO_NAT_HAIRPIN;
	nat->no_scan = more & DISCO_NAT_NO_SCAN;
	nat->no_udp = more & DISCO_NAT_NO_UDP;
	if (allocator_valid(&a))
		nat->allocator = a;
}

static void write_cand(const struct disco_message *m, struct writer *w)
{
	writer_be64(w, m->instance);
	writer_be32(w, m->generation);
	writer_be32(w, m->ack);
	writer_u8(w, (uint8_t)nat_flags(&m->nat));
	writer_u8(w, m->nat.public_hop);
	writer_u8(w, m->nat.keep_s);
	writer_u8(w, 0);
	candidate_list_write(&m->candidates, w);
	write_allocator(&m->nat, w);
}

/* bounded_keep() - a peer may ask for no more than what a measurement could say */
static uint8_t bounded_keep(unsigned s)
{
	if (s == 0)
		return 0;
	if (s < LIFETIME_KEEP_MIN)
		return LIFETIME_KEEP_MIN;
	return (uint8_t)(s > LIFETIME_KEEP_MAX ? LIFETIME_KEEP_MAX : s);
}

static void read_cand(struct disco_message *m, struct reader *r)
{
	unsigned flags;

	m->instance = reader_be64(r);
	m->generation = reader_be32(r);
	m->ack = reader_be32(r);
	flags = reader_u8(r);
	m->nat.known = flags & DISCO_NAT_KNOWN;
	m->nat.mapping_varies = flags & DISCO_NAT_VARIES;
	m->nat.filter_independent = flags & DISCO_NAT_FILTER_INDEPENDENT;
	m->nat.opener_needed = flags & DISCO_NAT_OPENER_NEEDED;
	m->nat.public_hop = reader_u8(r);
	m->nat.keep_s = bounded_keep(reader_u8(r));
	(void)reader_u8(r);
	if (!candidate_list_read(r, &m->candidates))
		r->failed = true;
	if (!r->failed)
		read_allocator(&m->nat, r);
}

static void write_ping(const struct disco_message *m, struct writer *w)
{
	writer_be64(w, m->txid);
	writer_be32(w, m->generation);
}

static void read_ping(struct disco_message *m, struct reader *r)
{
	m->txid = reader_be64(r);
	m->generation = reader_be32(r);
}

static void write_plan(const struct disco_message *m, struct writer *w)
{
	writer_be32(w, m->plan);
	writer_u8(w, (uint8_t)m->round);
	writer_zero(w, 3);
}

static void read_plan(struct disco_message *m, struct reader *r)
{
	m->plan = reader_be32(r);
	m->round = reader_u8(r);
	(void)reader_take(r, 3);
}

static void write_scan(const struct disco_message *m, struct writer *w)
{
	writer_be32(w, m->plan);
	writer_put(w, m->at.ip.b, 16);
	writer_be16(w, m->at.port);
	writer_be16(w, (uint16_t)m->sockets);
	writer_u8(w, (uint8_t)m->how);
	writer_zero(w, 3);
}

static void read_scan(struct disco_message *m, struct reader *r)
{
	m->plan = reader_be32(r);
	reader_copy(r, m->at.ip.b, 16);
	m->at.port = reader_be16(r);
	m->sockets = reader_be16(r);
	m->how = reader_u8(r);
	(void)reader_take(r, 3);
}

static void write_win(const struct disco_message *m, struct writer *w)
{
	writer_be32(w, m->plan);
	writer_put(w, m->window.ip.b, 16);
	writer_be16(w, m->window.low);
	writer_be16(w, m->window.high);
}

static void read_win(struct disco_message *m, struct reader *r)
{
	m->plan = reader_be32(r);
	reader_copy(r, m->window.ip.b, 16);
	m->window.low = reader_be16(r);
	m->window.high = reader_be16(r);
}

static void write_cross(const struct disco_message *m, struct writer *w)
{
	writer_be32(w, m->plan);
	writer_put(w, m->at.ip.b, 16);
	writer_be16(w, m->at.port);
	writer_u8(w, (uint8_t)m->step);
	writer_zero(w, 1);
}

static void read_cross(struct disco_message *m, struct reader *r)
{
	m->plan = reader_be32(r);
	reader_copy(r, m->at.ip.b, 16);
	m->at.port = reader_be16(r);
	m->step = reader_u8(r);
	(void)reader_u8(r);
}

size_t disco_write(const struct disco_message *m, uint8_t *out)
{
	struct writer w = writer_of(out, DISCO_MAX);

	writer_u8(&w, (uint8_t)m->type);
	writer_u8(&w, DISCO_VERSION);
	writer_be16(&w, (uint16_t)m->flags);
	switch (m->type) {
	case DISCO_PING:
		write_ping(m, &w);
		break;
	case DISCO_PONG:
		write_ping(m, &w);
		writer_put(&w, m->observed.ip.b, 16);
		writer_be16(&w, m->observed.port);
		break;
	case DISCO_CAND:
		write_cand(m, &w);
		break;
	case DISCO_GO:
	case DISCO_OPENED:
		write_plan(m, &w);
		break;
	case DISCO_SCAN:
		write_scan(m, &w);
		break;
	case DISCO_WIN:
		write_win(m, &w);
		break;
	case DISCO_STOP:
		writer_be32(&w, m->plan);
		break;
	case DISCO_CROSS:
		write_cross(m, &w);
		break;
	case DISCO_STREAM:
		writer_put(&w, m->binding, sizeof(m->binding));
		break;
	}
	return writer_len(&w);
}

enum drop disco_read(const uint8_t *p, size_t n, struct disco_message *out)
{
	struct reader r = reader_of(p, n);
	struct disco_message m = { .flags = 0 };
	unsigned type = reader_u8(&r);

	(void)reader_u8(&r); /* the version: newer ones only append */
	m.flags = reader_be16(&r);
	if (r.failed)
		return DROP_MALFORMED;
	if (type < DISCO_PING || type > DISCO_STREAM)
		return DROP_DISCO_TYPE;
	m.type = (enum disco_type)type;
	switch (m.type) {
	case DISCO_PING:
		read_ping(&m, &r);
		break;
	case DISCO_PONG:
		read_ping(&m, &r);
		reader_copy(&r, m.observed.ip.b, 16);
		m.observed.port = reader_be16(&r);
		break;
	case DISCO_CAND:
		read_cand(&m, &r);
		break;
	case DISCO_GO:
	case DISCO_OPENED:
		read_plan(&m, &r);
		break;
	case DISCO_SCAN:
		read_scan(&m, &r);
		break;
	case DISCO_WIN:
		read_win(&m, &r);
		break;
	case DISCO_STOP:
		m.plan = reader_be32(&r);
		break;
	case DISCO_CROSS:
		read_cross(&m, &r);
		break;
	case DISCO_STREAM:
		reader_copy(&r, m.binding, sizeof(m.binding));
		break;
	}
	if (r.failed)
		return DROP_MALFORMED;
	*out = m;
	return DROP_NONE;
}
