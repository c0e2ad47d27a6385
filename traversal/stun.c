/* SPDX-License-Identifier: MIT
 *
 * stun.c - STUN Binding messages with behaviour discovery
 *
 * Spec: RFC 8489 s5 (header), s14 (attributes); RFC 5780 s7; RFC 3489 s11 for
 * clients without the magic cookie. One pass over the attributes; those behind
 * MESSAGE-INTEGRITY are ignored but for FINGERPRINT (RFC 8489 s14.5), and the
 * first of two equal attributes counts (s14).
 */
#include "traversal/stun.h"

#include <string.h>

#include "base/cursor.h"

enum {
	METHOD_BINDING = 0x001,
	CLASS_BITS = 0x0110,
	ATTRIBUTE_OPTIONAL = 0x8000, /* may be ignored if not understood */
	FINGERPRINT_XOR = 0x5354554e, /* RFC 8489 s14.7 */
	FINGERPRINT_OCTETS = 8,
	FAMILY_IPV4 = 1,
	FAMILY_IPV6 = 2,
	CHANGE_IP = 4, /* RFC 5780 s7.2 */
	CHANGE_PORT = 2,
};

enum attribute {
	MAPPED_ADDRESS = 0x0001,
	CHANGE_REQUEST = 0x0003,
	SOURCE_ADDRESS = 0x0004, /* RFC 3489: now RESPONSE-ORIGIN */
	CHANGED_ADDRESS = 0x0005, /* RFC 3489: now OTHER-ADDRESS */
	USERNAME = 0x0006,
	MESSAGE_INTEGRITY = 0x0008,
	ERROR_CODE = 0x0009,
	UNKNOWN_ATTRIBUTES = 0x000a,
	REALM = 0x0014,
	NONCE = 0x0015,
	MESSAGE_INTEGRITY_SHA256 = 0x001c,
	PASSWORD_ALGORITHM = 0x001d,
	USERHASH = 0x001e,
	XOR_MAPPED_ADDRESS = 0x0020,
	PADDING = 0x0026,
	RESPONSE_PORT = 0x0027,
	SOFTWARE = 0x8022,
	FINGERPRINT = 0x8028,
	RESPONSE_ORIGIN = 0x802b,
	OTHER_ADDRESS = 0x802c,
};

struct header {
	be16 type;
	be16 length;
	be32 cookie;
	uint8_t txid[STUN_TXID_OCTETS];
};
WIRE_SIZE(struct header, STUN_HEADER_OCTETS);

struct parse {
	struct stun_message *out;
	const uint8_t *start;
	bool xor_mapped; /* seen: it wins over MAPPED-ADDRESS */
	bool sealed; /* MESSAGE-INTEGRITY seen */
	bool ended; /* FINGERPRINT seen: nothing may follow */
};

/* crc32() - ISO 3309, as RFC 8489 s14.7 asks; four bits at a time */
static uint32_t crc32(const uint8_t *p, size_t n)
{
	uint32_t crc = UINT32_MAX;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static bool header_fits(const uint8_t *m, size_t n)
{
	size_t length;

	if (n < STUN_HEADER_OCTETS || n > STUN_MAX || m[0] & 0xc0)
		return false;
	length = (size_t)m[2] << 8 | m[3];
	return !(length & 3) && length + STUN_HEADER_OCTETS == n;
}

static bool has_cookie(const uint8_t *m)
{
	struct reader r = reader_of(m + 4, 4);

	return reader_be32(&r) == STUN_MAGIC_COOKIE;
}

bool stun_is(const uint8_t *m, size_t n)
{
	return header_fits(m, n) && has_cookie(m);
}

bool stun_is_classic(const uint8_t *m, size_t n)
{
	return header_fits(m, n) && m[0] == 0 && m[1] == METHOD_BINDING &&
	       !has_cookie(m);
}

/* take_address() - an address attribute; mask: header to XOR with, or NULL */
static bool take_address(struct slice v, const uint8_t *mask,
			 struct endpoint *out)
{
	struct reader r = reader_of(v.p, v.n);
	struct endpoint e = { 0 };
	uint8_t family, ip[16];
	size_t octets;

	(void)reader_u8(&r);
	family = reader_u8(&r);
	e.port = reader_be16(&r);
	octets = family == FAMILY_IPV4 ? 4 : 16;
	if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
		return false;
	reader_copy(&r, ip, octets);
	if (r.failed || reader_left(&r))
		return false;
	if (mask) {
		e.port ^= (uint16_t)(STUN_MAGIC_COOKIE >> 16);
		for (size_t i = 0; i < octets; i++)
			ip[i] ^= mask[4 + i];
	}
	e.ip = family == FAMILY_IPV4 ? ipaddr_from_v4(ip) : ipaddr_from_v6(ip);
	if (endpoint_is_zero(out))
		*out = e;
	return true;
}

static bool take_mapped(struct parse *p, struct slice v, bool xored)
{
	struct endpoint e = { 0 };

	if (!take_address(v, xored ? p->start : NULL, &e))
		return false;
	if (p->xor_mapped || (!xored && !endpoint_is_zero(&p->out->mapped)))
		return true;
	p->out->mapped = e;
	p->xor_mapped = xored;
	return true;
}

static bool take_change(struct parse *p, struct slice v)
{
	if (v.n != 4)
		return false;
	p->out->change_ip = v.p[3] & CHANGE_IP;
	p->out->change_port = v.p[3] & CHANGE_PORT;
	return true;
}

static bool take_error(struct parse *p, struct slice v)
{
	unsigned class, number;

	if (v.n < 4)
		return false;
	class = v.p[2] & 7;
	number = v.p[3];
	if (class < 3 || class > 6 || number > 99)
		return false;
	p->out->error = class * 100 + number;
	return true;
}

static bool take_response_port(struct parse *p, struct slice v)
{
	if (v.n != 4 && v.n != 2)
		return false;
	p->out->response_port = (uint16_t)(v.p[0] << 8 | v.p[1]);
	return true;
}

static bool take_fingerprint(struct parse *p, struct slice v)
{
	struct reader r = reader_of(v.p, v.n);
	size_t before = (size_t)(v.p - 4 - p->start);

	if (v.n != 4)
		return false;
	p->ended = true;
	return reader_be32(&r) == (crc32(p->start, before) ^ FINGERPRINT_XOR);
}

static bool take_unknown(struct parse *p, unsigned type)
{
	struct stun_message *m = p->out;

	if (type & ATTRIBUTE_OPTIONAL)
		return true;
	if (m->unknown_count < ARRAY_SIZE(m->unknown))
		m->unknown[m->unknown_count++] = (uint16_t)type;
	return true;
}

static bool take_attribute(struct parse *p, unsigned type, struct slice v)
{
	if (p->sealed && type != FINGERPRINT)
		return true;
	switch (type) {
	case MAPPED_ADDRESS:
		return take_mapped(p, v, false);
	case XOR_MAPPED_ADDRESS:
		return take_mapped(p, v, true);
	case SOURCE_ADDRESS:
	case RESPONSE_ORIGIN:
		return take_address(v, NULL, &p->out->origin);
	case CHANGED_ADDRESS:
	case OTHER_ADDRESS:
		return take_address(v, NULL, &p->out->other);
	case CHANGE_REQUEST:
		return take_change(p, v);
	case RESPONSE_PORT:
		return take_response_port(p, v);
	case ERROR_CODE:
		return take_error(p, v);
	case PADDING:
		p->out->padding += v.n;
		return true;
	case MESSAGE_INTEGRITY:
	case MESSAGE_INTEGRITY_SHA256:
		p->sealed = true;
		return true;
	case FINGERPRINT:
		return take_fingerprint(p, v);
	case USERNAME:
	case REALM:
	case NONCE:
	case PASSWORD_ALGORITHM:
	case USERHASH:
	case UNKNOWN_ATTRIBUTES:
		return true; /* known, of no use here */
	default:
		return take_unknown(p, type);
	}
}

static bool take_attributes(struct parse *p, struct reader *r)
{
	while (reader_left(r)) {
		unsigned type = reader_be16(r);
		size_t n = reader_be16(r);
		const uint8_t *v = reader_take(r, n);

		(void)reader_take(r, -n & 3);
		if (r->failed || p->ended)
			return false;
		if (!take_attribute(p, type, slice_of(v, n)))
			return false;
	}
	return true;
}

static unsigned type_of(enum stun_class class)
{
	return METHOD_BINDING | (class & 1u) << 4 | (class & 2u) << 7;
}

static bool class_of(unsigned type, enum stun_class *out)
{
	if ((type & ~(unsigned)CLASS_BITS) != METHOD_BINDING)
		return false;
	*out = (enum stun_class)((type >> 4 & 1) | (type >> 7 & 2));
	return true;
}

enum drop stun_parse(const uint8_t *m, size_t n, struct stun_message *out)
{
	struct stun_message got = { 0 };
	struct parse p = { .out = &got, .start = m };
	struct reader r = reader_of(m, n);

	got.classic = stun_is_classic(m, n);
	if (!got.classic && !stun_is(m, n))
		return DROP_STUN_MALFORMED;
	if (!class_of(reader_be16(&r), &got.class))
		return DROP_STUN_MALFORMED;
	(void)reader_take(&r, got.classic ? 2 : 6);
	/* a classic transaction id has 16 octets: 4 of them live in the cookie */
	if (got.classic)
		(void)reader_be32(&r);
	reader_copy(&r, got.txid.b, STUN_TXID_OCTETS);
	if (got.classic)
		memcpy(got.classic_id, m + 4, sizeof(got.classic_id));
	if (!take_attributes(&p, &r))
		return DROP_STUN_MALFORMED;
	*out = got;
	return DROP_NONE;
}

static void put_attribute(struct writer *w, unsigned type, size_t n)
{
	writer_be16(w, (uint16_t)type);
	writer_be16(w, (uint16_t)n);
}

static void put_address(struct writer *w, unsigned type,
			const struct endpoint *e, bool xored)
{
	bool v4 = ipaddr_is_v4(&e->ip);
	size_t octets = v4 ? 4 : 16;
	uint8_t *ip;

	if (endpoint_is_zero(e))
		return;
	put_attribute(w, type, 4 + octets);
	writer_u8(w, 0);
	writer_u8(w, v4 ? FAMILY_IPV4 : FAMILY_IPV6);
	writer_be16(w, xored ? e->port ^ (uint16_t)(STUN_MAGIC_COOKIE >> 16) :
			       e->port);
	ip = writer_reserve(w, octets);
	if (!ip)
		return;
	memcpy(ip, e->ip.b + 16 - octets, octets);
	for (size_t i = 0; xored && i < octets; i++)
		ip[i] ^= w->start[4 + i];
}

/* put_filler() - spaces, so that no answer is larger than its request */
static void put_filler(struct writer *w, size_t n)
{
	uint8_t *room;

	if (!n || n > STUN_MAX)
		return;
	put_attribute(w, SOFTWARE, n);
	room = writer_reserve(w, n);
	if (room)
		memset(room, ' ', n);
}

static void put_request(struct writer *w, const struct stun_message *m)
{
	if (m->change_ip || m->change_port) {
		put_attribute(w, CHANGE_REQUEST, 4);
		writer_be32(w, (m->change_ip ? CHANGE_IP : 0u) |
				       (m->change_port ? CHANGE_PORT : 0u));
	}
	if (m->response_port) {
		put_attribute(w, RESPONSE_PORT, 4);
		writer_be16(w, m->response_port);
		writer_be16(w, 0);
	}
	if (m->padding && m->padding < STUN_MAX) {
		put_attribute(w, PADDING, m->padding);
		writer_zero(w, (m->padding + 3) & ~(size_t)3);
	}
	put_filler(w, m->filler & ~(size_t)3);
}

static void put_success(struct writer *w, const struct stun_message *m)
{
	if (m->classic) {
		put_address(w, MAPPED_ADDRESS, &m->mapped, false);
		put_address(w, SOURCE_ADDRESS, &m->origin, false);
		put_address(w, CHANGED_ADDRESS, &m->other, false);
		return;
	}
	put_address(w, XOR_MAPPED_ADDRESS, &m->mapped, true);
	put_address(w, RESPONSE_ORIGIN, &m->origin, false);
	put_address(w, OTHER_ADDRESS, &m->other, false);
}

static void put_error(struct writer *w, const struct stun_message *m)
{
	put_attribute(w, ERROR_CODE, 4);
	writer_be16(w, 0);
	writer_u8(w, (uint8_t)(m->error / 100));
	writer_u8(w, (uint8_t)(m->error % 100));
	if (!m->unknown_count)
		return;
	put_attribute(w, UNKNOWN_ATTRIBUTES, 2u * m->unknown_count);
	for (unsigned i = 0; i < m->unknown_count; i++)
		writer_be16(w, m->unknown[i]);
	if (m->unknown_count & 1)
		writer_be16(w, 0);
}

static void put_body(struct writer *w, const struct stun_message *m)
{
	switch (m->class) {
	case STUN_REQUEST:
	case STUN_INDICATION:
		put_request(w, m);
		return;
	case STUN_SUCCESS:
		put_success(w, m);
		return;
	case STUN_ERROR:
		put_error(w, m);
		return;
	}
}

static void set_length(uint8_t *out, size_t n)
{
	out[2] = (uint8_t)((n - STUN_HEADER_OCTETS) >> 8);
	out[3] = (uint8_t)(n - STUN_HEADER_OCTETS);
}

size_t stun_write(const struct stun_message *m, uint8_t *out)
{
	struct writer w = writer_of(out, STUN_MAX - FINGERPRINT_OCTETS);
	size_t n;

	writer_be16(&w, (uint16_t)type_of(m->class));
	writer_be16(&w, 0);
	if (m->classic)
		writer_put(&w, m->classic_id, sizeof(m->classic_id));
	else
		writer_be32(&w, STUN_MAGIC_COOKIE);
	writer_put(&w, m->txid.b, STUN_TXID_OCTETS);
	put_body(&w, m);
	n = writer_len(&w);
	if (m->classic) {
		set_length(out, n);
		return n;
	}
	set_length(out, n + FINGERPRINT_OCTETS);
	w = writer_of(out + n, FINGERPRINT_OCTETS);
	put_attribute(&w, FINGERPRINT, 4);
	writer_be32(&w, crc32(out, n) ^ FINGERPRINT_XOR);
	return n + FINGERPRINT_OCTETS;
}
