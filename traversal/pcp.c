/* SPDX-License-Identifier: MIT
 *
 * pcp.c - Port Control Protocol: MAP and ANNOUNCE (RFC 6887 s7, s11, s14.1)
 */
#include "traversal/pcp.h"

#include "base/cursor.h"

enum {
	RESPONSE = 0x80, /* R bit, s7.1 */
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

size_t pcp_write(const struct pcp_request *q, uint8_t out[static PCP_MAP_OCTETS])
{
	struct writer w = writer_of(out, PCP_MAP_OCTETS);

	writer_u8(&w, PCP_VERSION);
	writer_u8(&w, (uint8_t)q->opcode);
	writer_zero(&w, 2);
	writer_be32(&w, q->lifetime_s);
	writer_put(&w, q->client.b, sizeof(q->client.b));
	if (q->opcode == PCP_MAP)
		write_map(&w, &q->map, &q->client);
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
	*out = got;
	return DROP_NONE;
}
