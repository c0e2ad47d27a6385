/* SPDX-License-Identifier: MIT
 *
 * packet.c - header fields of IPv4, UDP, TCP and ICMP (RFC 791, 768, 9293, 792)
 */
#include "tests/natlab/packet.h"

#include <netinet/in.h>
#include <string.h>

#include "tun/checksum.h"

enum {
	IP_HEADER = 20,
	AT_LENGTH = 2,
	AT_FRAGMENT = 6, /* flags and offset */
	AT_TTL = 8,
	AT_PROTO = 9,
	AT_SUM = 10,
	AT_FROM = 12,
	AT_TO = 16,
	ICMP_HEADER = 8,
	ICMP_SUM = 2,
	ICMP_ID = 4,
	ICMP_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_ECHO = 8,
	ICMP_EXCEEDED = 11,
	ICMP_PARAMETER = 12,
	UDP_SUM = 6,
	TCP_SUM = 16,
	TCP_HEADER = 20,
};

static uint16_t get16(const uint8_t *m)
{
	return (uint16_t)(m[0] << 8 | m[1]);
}

static void put16(uint8_t *m, unsigned v)
{
	m[0] = (uint8_t)(v >> 8);
	m[1] = (uint8_t)v;
}

static size_t header(const uint8_t *m)
{
	return (size_t)(m[0] & 15) * 4;
}

/* ip_fits() - an IPv4 header lies there, whole, and is no later fragment's */
static bool ip_fits(const uint8_t *m, size_t n)
{
	return n >= IP_HEADER && m[0] >> 4 == 4 && header(m) >= IP_HEADER &&
	       header(m) <= n && (get16(m + AT_FRAGMENT) & 0x1fff) == 0;
}

static bool read_ports(struct packet *p, size_t at)
{
	size_t need = p->proto == IPPROTO_TCP ? TCP_HEADER : 8;

	/* an ICMP error may quote no more than 8 octets (RFC 792) */
	if (p->n - at < (p->error ? 8 : need))
		return false;
	p->from_port = at;
	p->to_port = at + 2;
	p->from.port = get16(p->m + at);
	p->to.port = get16(p->m + at + 2);
	if (p->error)
		return true;
	p->sum = at + (p->proto == IPPROTO_TCP ? TCP_SUM : UDP_SUM);
	p->pseudo = true;
	if (p->proto == IPPROTO_UDP && get16(p->m + p->sum) == 0)
		p->sum = 0; /* the sender made none */
	return true;
}

static bool read_at(struct packet *p, size_t ip);

static bool read_icmp(struct packet *p, size_t at)
{
	uint8_t type;

	if (p->n - at < ICMP_HEADER)
		return false;
	type = p->m[at];
	if (type == ICMP_ECHO || type == ICMP_REPLY) {
		/* the identifier is the port of the side that asks */
		p->from_port = p->to_port = at + ICMP_ID;
		p->from.port = type == ICMP_ECHO || p->error ?
				       get16(p->m + at + ICMP_ID) : 0;
		p->to.port = type == ICMP_REPLY ? get16(p->m + at + ICMP_ID) : 0;
		p->sum = p->error ? 0 : at + ICMP_SUM;
		return true;
	}
	if (p->error || (type != ICMP_UNREACHABLE && type != ICMP_EXCEEDED &&
			 type != ICMP_PARAMETER))
		return false;
	p->error = true;
	return read_at(p, at + ICMP_HEADER);
}

static bool read_at(struct packet *p, size_t ip)
{
	const uint8_t *m = p->m + ip;
	size_t at;

	if (ip > p->n || !ip_fits(m, p->n - ip))
		return false;
	p->ip = ip;
	p->proto = m[AT_PROTO];
	p->from.ip = ipaddr_from_v4(m + AT_FROM);
	p->to.ip = ipaddr_from_v4(m + AT_TO);
	at = ip + header(m);
	switch (p->proto) {
	case IPPROTO_UDP:
	case IPPROTO_TCP:
		return read_ports(p, at);
	case IPPROTO_ICMP:
		return read_icmp(p, at);
	default:
		return false;
	}
}

bool packet_read(uint8_t *m, size_t n, struct packet *out)
{
	struct packet p = { .m = m, .n = n };

	if (!read_at(&p, 0))
		return false;
	*out = p;
	return true;
}

/* adjust() - the checksum at `sum`, when n octets at `at` become `to` (RFC 1624 eqn. 3) */
static void adjust(uint8_t *sum, const uint8_t *at, const uint8_t *to, size_t n)
{
	uint32_t s = (uint16_t)~get16(sum);

	for (size_t i = 0; i < n; i += 2)
		s += (uint16_t)~get16(at + i) + (uint32_t)get16(to + i);
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	put16(sum, (uint16_t)~s);
}

/* change() - n octets become `to`, and the checksums that cover them follow */
static void change(struct packet *p, size_t at, const uint8_t *to, size_t n, bool address)
{
	if (address)
		adjust(p->m + p->ip + AT_SUM, p->m + at, to, n);
	if (p->sum && (p->pseudo || !address)) {
		adjust(p->m + p->sum, p->m + at, to, n);
		if (p->proto == IPPROTO_UDP && get16(p->m + p->sum) == 0)
			put16(p->m + p->sum, 0xffff); /* 0 would say: none */
	}
	memcpy(p->m + at, to, n);
}

static void set(struct packet *p, size_t address, size_t port, const struct endpoint *e)
{
	uint8_t text[2];

	change(p, p->ip + address, e->ip.b + 12, 4, true);
	if (!port)
		return;
	put16(text, e->port);
	change(p, port, text, 2, false);
}

static bool is_echo(const struct packet *p, uint8_t type)
{
	return p->proto == IPPROTO_ICMP && p->m[p->ip + header(p->m + p->ip)] == type;
}

void packet_set_from(struct packet *p, const struct endpoint *e)
{
	set(p, AT_FROM, is_echo(p, ICMP_REPLY) ? 0 : p->from_port, e);
	p->from = *e;
}

void packet_set_to(struct packet *p, const struct endpoint *e)
{
	set(p, AT_TO, is_echo(p, ICMP_ECHO) ? 0 : p->to_port, e);
	p->to = *e;
}

static void sum_at(uint8_t *at, const uint8_t *m, size_t n)
{
	uint16_t sum;

	put16(at, 0);
	sum = (uint16_t)~checksum_fold(checksum_add(0, m, n));
	memcpy(at, &sum, 2);
}

void packet_set_error(struct packet *p, const struct endpoint *host)
{
	size_t icmp = header(p->m);

	packet_set_from(p, host);
	/* the outer packet goes to the host as well; its body has changed */
	adjust(p->m + AT_SUM, p->m + AT_TO, host->ip.b + 12, 4);
	memcpy(p->m + AT_TO, host->ip.b + 12, 4);
	sum_at(p->m + icmp + ICMP_SUM, p->m + icmp, p->n - icmp);
}

bool packet_hop(uint8_t *m)
{
	uint8_t next[2] = { (uint8_t)(m[AT_TTL] - 1), m[AT_PROTO] };

	if (m[AT_TTL] <= 1)
		return false;
	adjust(m + AT_SUM, m + AT_TTL, next, 2);
	m[AT_TTL] = next[0];
	return true;
}

size_t packet_expired(const struct packet *p, const struct ipaddr *from,
		      uint8_t out[static PACKET_ERROR_ROOM])
{
	size_t quoted = header(p->m) + 8, n = IP_HEADER + ICMP_HEADER;
	uint8_t *icmp = out + IP_HEADER;

	if (p->error || p->n < quoted || n + quoted > PACKET_ERROR_ROOM)
		return 0;
	memset(out, 0, n);
	out[0] = 0x45;
	put16(out + AT_LENGTH, (unsigned)(n + quoted));
	out[AT_TTL] = 64;
	out[AT_PROTO] = IPPROTO_ICMP;
	memcpy(out + AT_FROM, from->b + 12, 4);
	memcpy(out + AT_TO, p->m + AT_FROM, 4);
	sum_at(out + AT_SUM, out, IP_HEADER);
	icmp[0] = ICMP_EXCEEDED;
	memcpy(out + n, p->m, quoted);
	sum_at(icmp + ICMP_SUM, icmp, ICMP_HEADER + quoted);
	return n + quoted;
}

bool packet_echo(struct packet *p)
{
	uint8_t *icmp = p->m + header(p->m);
	uint8_t reply[2] = { ICMP_REPLY, icmp[1] }, from[4];

	if (p->error || !is_echo(p, ICMP_ECHO))
		return false;
	adjust(icmp + ICMP_SUM, icmp, reply, 2);
	icmp[0] = ICMP_REPLY;
	memcpy(from, p->m + AT_FROM, 4);
	memcpy(p->m + AT_FROM, p->m + AT_TO, 4); /* the sum stays */
	memcpy(p->m + AT_TO, from, 4);
	return true;
}
