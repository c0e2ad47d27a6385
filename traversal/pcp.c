/* SPDX-License-Identifier: MIT
 *
 * pcp.c - Port Control Protocol: MAP and ANNOUNCE (RFC 6887 s7, s11, s14.1), PREFIX64
 * (RFC 7225 s4)
 */
#include "traversal/pcp.h"

#include "base/cursor.h"

enum {
	RESPONSE = 0x80, /* R bit, s7.1 */
	PREFIX64 = 129, /* option; from 128 on they may be ignored */
	PREFIX64_DATA = 16, /* octets: length, prefix with suffix, an empty list for IPv4 */
	PREFIX_OCTETS = 12,
};

static void write_map(struct writer *w, const struct pcp_map *m,
		      const struct ipaddr *client)
{
	static const struct ipaddr none6;
	const struct ipaddr none4 = ipaddr_v4(0);
	const struct ipaddr *ip = &m->external.ip;

	if (ipaddr_is_zero(ip)) /* all zero, of our family: s11.1 */
		ip = ipaddr_is_v4(client) ? &none4 : &none6;
	writer_put(w, m->nonce.b, sizeof(m->nonce.b));
	writer_u8(w, m->protocol);
	writer_zero(w, 3);
	writer_be16(w, m->internal_port);
	writer_be16(w, m->external.port);
	writer_put(w, ip->b, sizeof(ip->b));
}

static void write_prefix64(struct writer *w)
{
	writer_u8(w, PREFIX64);
	writer_u8(w, 0);
	writer_be16(w, PREFIX64_DATA);
	writer_zero(w, PREFIX64_DATA); /* no padding: miniupnpd takes it for an option */
}

size_t pcp_write(const struct pcp_request *q, uint8_t out[static PCP_REQUEST_MAX])
{
	struct writer w = writer_of(out, PCP_REQUEST_MAX);

	writer_u8(&w, PCP_VERSION);
	writer_u8(&w, (uint8_t)q->opcode);
	writer_zero(&w, 2);
	writer_be32(&w, q->lifetime_s);
	writer_put(&w, q->client.b, sizeof(q->client.b));
	if (q->opcode == PCP_MAP)
		write_map(&w, &q->map, &q->client);
	if (q->translator)
		write_prefix64(&w);
	return writer_len(&w);
}

static void read_map(struct reader *r, struct pcp_map *out)
{
	reader_copy(r, out->nonce.b, sizeof(out->nonce.b));
	out->protocol = reader_u8(r);
	(void)reader_take(r, 3);
	out->internal_port = reader_be16(r);
	out->external.port = reader_be16(r);
	reader_copy(r, out->external.ip.b, sizeof(out->external.ip.b));
}

/* read_prefix64() - false: none, one with a suffix, or for some of IPv4 alone */
static bool read_prefix64(const uint8_t *data, size_t n, struct nat64 *out)
{
	struct reader r = reader_of(data, n);
	unsigned octets = reader_be16(&r);
	struct prefix p = { .bits = (uint8_t)(octets * 8) };
	uint8_t b[PREFIX_OCTETS];

	reader_copy(&r, b, sizeof(b));
	if (r.failed || octets > PREFIX_OCTETS)
		return false;
	for (unsigned i = 0; i < sizeof(b); i++)
		if (i < octets)
			p.ip.b[i] = b[i];
		else if (b[i])
			return false;
	if (reader_left(&r) && reader_be16(&r) != 0)
		return false;
	return nat64_make(&p, out);
}

/* read_options() - the first usable PREFIX64 */
static void read_options(struct reader *r, struct pcp_response *out)
{
	while (reader_left(r) >= 4 && !out->translates) {
		uint8_t code = reader_u8(r);
		size_t n = ((void)reader_u8(r), reader_be16(r));
		const uint8_t *data = reader_take(r, n);

		if (!data)
			return;
		(void)reader_take(r, (4 - n % 4) % 4);
		if (code == PREFIX64)
			out->translates = read_prefix64(data, n, &out->translator);
	}
}

enum drop pcp_parse(const uint8_t *m, size_t n, struct pcp_response *out)
{
	struct reader r = reader_of(m, n);
	struct pcp_response got = { .opcode = PCP_ANNOUNCE };
	uint8_t version = reader_u8(&r), op = reader_u8(&r);

	(void)reader_u8(&r);
	got.result = reader_u8(&r);
	got.lifetime_s = reader_be32(&r);
	got.epoch_s = reader_be32(&r);
	(void)reader_take(&r, 12);
	if (op == (RESPONSE | PCP_MAP)) {
		got.opcode = PCP_MAP;
		read_map(&r, &got.map);
	} else if (op != (RESPONSE | PCP_ANNOUNCE)) {
		return DROP_PORTMAP_MALFORMED;
	}
	if (r.failed || version != PCP_VERSION || n > PCP_MAX || n % 4)
		return DROP_PORTMAP_MALFORMED;
	read_options(&r, &got);
	*out = got;
	return DROP_NONE;
}
