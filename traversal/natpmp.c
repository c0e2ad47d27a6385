/* SPDX-License-Identifier: MIT
 *
 * natpmp.c - NAT Port Mapping Protocol: external address and UDP mappings (RFC 6886 s3)
 */
#include "traversal/natpmp.h"

#include "base/cursor.h"

enum {
	RESPONSE = 128, /* added to the opcode: s3.2 */
};

size_t natpmp_write(const struct natpmp_request *q,
		    uint8_t out[static NATPMP_REQUEST_MAX])
{
	struct writer w = writer_of(out, NATPMP_REQUEST_MAX);

	writer_u8(&w, NATPMP_VERSION);
	writer_u8(&w, (uint8_t)q->opcode);
	if (q->opcode == NATPMP_ADDRESS)
		return writer_len(&w);
	writer_zero(&w, 2);
	writer_be16(&w, q->internal_port);
	writer_be16(&w, q->external_port);
	writer_be32(&w, q->lifetime_s);
	return writer_len(&w);
}

/* read_body() - a failure may come without one */
static void read_body(struct reader *r, struct natpmp_response *out)
{
	uint8_t v4[4];

	if (out->result != NATPMP_SUCCESS && !reader_left(r))
		return;
	if (out->opcode == NATPMP_ADDRESS) {
		reader_copy(r, v4, sizeof(v4));
		out->address = ipaddr_from_v4(v4);
		return;
	}
	out->internal_port = reader_be16(r);
	out->external_port = reader_be16(r);
	out->lifetime_s = reader_be32(r);
}

enum drop natpmp_parse(const uint8_t *m, size_t n, struct natpmp_response *out)
{
	struct reader r = reader_of(m, n);
	struct natpmp_response got = { .opcode = NATPMP_ADDRESS };
	uint8_t version = reader_u8(&r), op = reader_u8(&r);

	got.result = reader_be16(&r);
	got.epoch_s = reader_be32(&r);
	if (op == RESPONSE + NATPMP_MAP_UDP)
		got.opcode = NATPMP_MAP_UDP;
	else if (op != RESPONSE + NATPMP_ADDRESS)
		return DROP_PORTMAP_MALFORMED;
	read_body(&r, &got);
	if (r.failed || version != NATPMP_VERSION)
		return DROP_PORTMAP_MALFORMED;
	*out = got;
	return DROP_NONE;
}
