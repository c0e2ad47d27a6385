/* SPDX-License-Identifier: MIT
 *
 * emulator.c - which packet goes where
 */
#include "tests/natlab/emulator.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

static void start(struct emulator *e)
{
	natbox_init(&e->box, e->options.mapping, e->options.filtering,
		    &e->options.nat, e->seed);
	wire_init(&e->out, &e->options.wire, e->seed ^ 0x6f7574);
	wire_init(&e->in, &e->options.wire, e->seed ^ 0x696e);
}

void emulator_init(struct emulator *e, const struct options *o)
{
	memset(e, 0, sizeof(*e));
	e->options = *o;
	e->nat = !ipaddr_is_zero(&o->nat.external);
	e->seed = o->seed;
	start(e);
}

void emulator_done(struct emulator *e)
{
	wire_done(&e->out);
	wire_done(&e->in);
}

void emulator_forget(struct emulator *e)
{
	bool some = !ipaddr_is_zero(&e->options.keep.ip);

	natbox_forget(&e->box, some ? &e->options.keep : NULL, ++e->seed);
}

/* dropped() - count it; true: it was */
static bool dropped(struct emulator *e, enum natbox_verdict v)
{
	switch (v) {
	case NATBOX_PASS:
	case NATBOX_HAIRPIN:
		return false;
	case NATBOX_FILTERED:
		e->count.filtered++;
		return true;
	case NATBOX_STRAY:
		e->count.stray++;
		return true;
	case NATBOX_FULL:
		e->count.full++;
		return true;
	case NATBOX_BANNED:
		e->count.banned++;
		return true;
	}
	return true;
}

static bool is_v4(const uint8_t *m, size_t n)
{
	return n && m[0] >> 4 == 4;
}

/* is_group() - multicast of the device itself, which no router passes */
static bool is_group(const uint8_t *m, size_t n)
{
	if (is_v4(m, n))
		return n >= 20 && m[16] >= 224;
	return n >= 40 && (m[24] == 0xff || (m[24] == 0xfe && m[25] == 0x80));
}

static size_t expired(struct emulator *e, const struct packet *p,
		      const struct ipaddr *from, uint8_t *back)
{
	e->count.expired++;
	return packet_expired(p, from, back);
}

/* own() - the packet is for the NAT itself: it answers pings, and takes the rest */
static size_t own(struct packet *p, uint8_t *back)
{
	if (!packet_echo(p))
		return 0;
	memcpy(back, p->m, p->n);
	return p->n;
}

/* translate_out() - true: it goes on; else *answered octets go back */
static bool translate_out(struct emulator *e, struct packet *p, uint8_t *back,
			  size_t *answered, nsec_t now)
{
	struct natbox_packet k = { p->proto, p->from, p->to };
	unsigned before = e->box.created;
	enum natbox_verdict v;

	if (ipaddr_eq(&p->to.ip, &e->options.gateway)) {
		*answered = own(p, back);
		return false;
	}
	if (p->m[8] <= 1) { /* its hops end here, before the NAT */
		*answered = expired(e, p, &e->options.gateway, back);
		return false;
	}
	v = natbox_out(&e->box, &k, now);
	if (dropped(e, v))
		return false;
	if (p->proto == IPPROTO_UDP)
		e->count.probed += e->box.created - before;
	(void)packet_hop(p->m);
	packet_set_from(p, &k.from);
	if (v == NATBOX_PASS)
		return true;
	packet_set_to(p, &k.to);
	memcpy(back, p->m, p->n);
	*answered = p->n;
	e->count.hairpin++;
	return false;
}

size_t emulator_leave(struct emulator *e, uint8_t *m, size_t n, uint8_t *back, nsec_t now)
{
	struct packet p;
	size_t answered = 0;

	if (is_group(m, n))
		return 0;
	if (e->nat && is_v4(m, n)) {
		if (!packet_read(m, n, &p) || p.error) {
			e->count.odd++;
			return 0;
		}
		if (!translate_out(e, &p, back, &answered, now))
			return answered;
	}
	e->count.out++;
	wire_send(&e->out, m, n, now);
	return 0;
}

void emulator_arrive(struct emulator *e, const uint8_t *m, size_t n, nsec_t now)
{
	if (!is_group(m, n))
		wire_send(&e->in, m, n, now);
}

/* error_in() - an ICMP error goes to the host whose packet it quotes */
static bool error_in(struct emulator *e, struct packet *p, nsec_t now)
{
	struct endpoint host = p->from;

	if (!natbox_error(&e->box, p->proto, &host, &p->to, now)) {
		e->count.filtered++;
		return false;
	}
	packet_set_error(p, &host);
	return packet_hop(p->m);
}

/* translate_in() - octets for the inner device; or an answer for the outer one */
static size_t translate_in(struct emulator *e, uint8_t *m, size_t n,
			   enum emulator_side *side, nsec_t now)
{
	uint8_t answer[PACKET_ERROR_ROOM];
	struct natbox_packet k;
	struct packet p;

	if (!packet_read(m, n, &p)) {
		e->count.odd++;
		return 0;
	}
	if (p.error)
		return error_in(e, &p, now) ? n : 0;
	k = (struct natbox_packet){ p.proto, p.from, p.to };
	if (dropped(e, natbox_in(&e->box, &k, now))) {
		*side = EMULATOR_OUTSIDE;
		return packet_echo(&p) ? n : 0;
	}
	if (!packet_hop(m)) {
		*side = EMULATOR_OUTSIDE;
		n = expired(e, &p, &e->options.nat.external, answer);
		memcpy(m, answer, n);
		return n;
	}
	packet_set_to(&p, &k.to);
	return n;
}

size_t emulator_poll(struct emulator *e, uint8_t *m, enum emulator_side *side, nsec_t now)
{
	size_t n;

	*side = EMULATOR_OUTSIDE;
	n = wire_take(&e->out, m, now);
	if (n)
		return n;
	while ((n = wire_take(&e->in, m, now)) > 0) {
		*side = EMULATOR_INSIDE;
		if (e->nat && is_v4(m, n))
			n = translate_in(e, m, n, side, now);
		e->count.in += n > 0;
		if (n)
			return n;
	}
	return 0;
}

nsec_t emulator_next(const struct emulator *e)
{
	return nsec_min(wire_next(&e->out), wire_next(&e->in));
}

void emulator_report(const struct emulator *e, FILE *to, nsec_t now)
{
	fprintf(to, "out %" PRIu64 " in %" PRIu64 " sessions %u created %u begun_udp %" PRIu64
		    " hairpin %" PRIu64 " filtered %" PRIu64 " stray %" PRIu64
		    " full %" PRIu64 " banned %" PRIu64 " bans %u expired %" PRIu64
		    " odd %" PRIu64 " lost %" PRIu64 " queue_full %" PRIu64 "\n",
		e->count.out, e->count.in, natbox_sessions(&e->box, now),
		e->box.created, e->count.probed, e->count.hairpin, e->count.filtered,
		e->count.stray, e->count.full, e->count.banned, e->box.bans,
		e->count.expired, e->count.odd, e->out.lost + e->in.lost,
		e->out.full + e->in.full);
	fflush(to);
}
