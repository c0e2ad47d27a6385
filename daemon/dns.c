/* SPDX-License-Identifier: MIT
 *
 * dns.c - DNS messages: one question in, one answer out
 */
#include "daemon/dns.h"

#include <stdio.h>
#include <string.h>

enum {
	FLAG_ANSWER = 0x8000, /* QR */
	FLAG_AUTHORITATIVE = 0x0400, /* AA */
	FLAG_TRUNCATED = 0x0200, /* TC */
	FLAG_RECURSE = 0x0100, /* RD */
	CLASS_IN = 1,
	POINTER = 0xc000, /* s4.1.4: two high bits */
	RECORDS_MAX = 8, /* beside the question: an OPT, a signature, no more */
	OPT_ROOM = 11, /* octets of our OPT record */
};

static char lower(uint8_t c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Octets that text could not give back make a label that is no name of ours. */
static char printable(uint8_t c)
{
	return c > ' ' && c < 127 && c != '.' ? lower(c) : '?';
}

/* read_name() - no pointers: a question has nothing before it to point to */
static bool read_name(struct reader *r, char out[static DNS_NAME_TEXT])
{
	size_t n = 0;

	for (;;) {
		uint8_t length = reader_u8(r);
		const uint8_t *label;

		if (r->failed || length > DNS_LABEL)
			return false;
		if (!length)
			break;
		label = reader_take(r, length);
		if (!label || n + (n > 0) + length + 2 > DNS_NAME_WIRE)
			return false;
		if (n)
			out[n++] = '.';
		for (unsigned i = 0; i < length; i++)
			out[n++] = printable(label[i]);
	}
	out[n] = 0;
	return true;
}

/* skip_name() - of a record: labels, ended by a zero or a pointer */
static bool skip_name(struct reader *r)
{
	for (;;) {
		uint8_t length = reader_u8(r);

		if (r->failed)
			return false;
		if ((length & 0xc0) == 0xc0)
			return reader_u8(r), !r->failed;
		if (length > DNS_LABEL)
			return false;
		if (!length)
			return true;
		if (!reader_take(r, length))
			return false;
	}
}

/* RFC 6891 s6.1.2: class is the asker's room, the TTL holds the version */
static bool read_record(struct reader *r, struct dns_question *q)
{
	bool root = reader_left(r) && *r->p == 0;
	uint16_t type, room;
	uint32_t ttl;

	if (!skip_name(r))
		return false;
	type = reader_be16(r);
	room = reader_be16(r);
	ttl = reader_be32(r);
	reader_take(r, reader_be16(r));
	if (r->failed)
		return false;
	if (type != DNS_OPT)
		return true;
	if (!root || q->edns)
		return false; /* s6.1.1: one, and of the root */
	q->edns = true;
	q->edns_version = (uint8_t)(ttl >> 16);
	if (room > q->room)
		q->room = room < DNS_EDNS_MAX ? room : DNS_EDNS_MAX;
	return true;
}

static bool read_rest(struct reader *r, unsigned records, struct dns_question *q)
{
	if (records > RECORDS_MAX)
		return false;
	while (records--)
		if (!read_record(r, q))
			return false;
	return true;
}

enum dns_verdict dns_question_parse(const void *m, size_t n,
				    struct dns_question *out)
{
	struct dns_question q = { .room = DNS_PLAIN_MAX };
	struct reader r = reader_of(m, n);
	uint16_t flags, questions;
	unsigned records;

	q.id = reader_be16(&r);
	flags = reader_be16(&r);
	questions = reader_be16(&r);
	records = reader_be16(&r);
	records += reader_be16(&r);
	records += reader_be16(&r);
	if (r.failed || flags & FLAG_ANSWER)
		return DNS_IGNORE;
	q.opcode = flags >> 11 & 15;
	q.recurse = flags & FLAG_RECURSE;
	*out = q;
	if (questions != 1)
		return DNS_REPROACH;
	q.wire = r.p;
	if (!read_name(&r, q.name))
		return DNS_REPROACH;
	q.type = reader_be16(&r);
	q.class = reader_be16(&r);
	if (r.failed)
		return DNS_REPROACH;
	q.wire_n = (size_t)(r.p - q.wire);
	if (!read_rest(&r, records, &q))
		return DNS_REPROACH;
	*out = q;
	return DNS_ASKED;
}

/* ---- answers ---- */

static uint16_t flags_of(const struct dns_answer *a, bool truncated)
{
	return (uint16_t)(FLAG_ANSWER | a->q->opcode << 11 |
			  (a->ours ? FLAG_AUTHORITATIVE : 0) |
			  (truncated ? FLAG_TRUNCATED : 0) |
			  (a->q->recurse ? FLAG_RECURSE : 0) | (a->rcode & 15));
}

static void put_header(struct writer *w, uint16_t id, uint16_t flags,
		       unsigned questions, unsigned answers, unsigned authority,
		       unsigned additional)
{
	writer_be16(w, id);
	writer_be16(w, flags);
	writer_be16(w, (uint16_t)questions);
	writer_be16(w, (uint16_t)answers);
	writer_be16(w, (uint16_t)authority);
	writer_be16(w, (uint16_t)additional);
}

void dns_answer_begin(struct dns_answer *a, const struct dns_question *q, void *out,
		      size_t room)
{
	size_t opt = q->edns ? OPT_ROOM : 0;

	if (room > q->room)
		room = q->room;
	*a = (struct dns_answer){ .q = q };
	a->w = writer_of(out, room > opt ? room - opt : 0);
	writer_zero(&a->w, DNS_HEADER); /* written at the end */
	writer_put(&a->w, q->wire, q->wire_n);
}

static void put_name(struct writer *w, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		if (n == 0 || n > DNS_LABEL) {
			w->failed = true;
			return;
		}
		writer_u8(w, (uint8_t)n);
		writer_put(w, name, n);
		name += n + (name[n] == '.');
	}
	writer_u8(w, 0);
}

/* put_owner() - a pointer to that suffix of the question */
static void put_owner(struct dns_answer *a, const char *name)
{
	size_t whole = strlen(a->q->name), n = strlen(name);

	if (n > whole) {
		a->w.failed = true;
		return;
	}
	writer_be16(&a->w, (uint16_t)(POINTER | (DNS_HEADER + whole - n)));
}

static void put_record_head(struct dns_answer *a, enum dns_type type, uint32_t ttl_s)
{
	writer_be16(&a->w, (uint16_t)type);
	writer_be16(&a->w, CLASS_IN);
	writer_be32(&a->w, ttl_s);
}

void dns_answer_address(struct dns_answer *a, const struct ipaddr *ip, uint32_t ttl_s)
{
	bool v4 = ipaddr_is_v4(ip);
	size_t n = v4 ? 4 : 16;

	put_owner(a, a->q->name);
	put_record_head(a, v4 ? DNS_A : DNS_AAAA, ttl_s);
	writer_be16(&a->w, (uint16_t)n);
	writer_put(&a->w, ip->b + sizeof(ip->b) - n, n);
	a->answers++;
}

/* The length of what follows is filled in by close_data(). */
static uint8_t *open_data(struct dns_answer *a)
{
	return writer_reserve(&a->w, 2);
}

static void close_data(struct dns_answer *a, uint8_t *length)
{
	size_t n;

	if (a->w.failed)
		return;
	n = (size_t)(a->w.p - length) - 2;
	length[0] = (uint8_t)(n >> 8);
	length[1] = (uint8_t)n;
}

void dns_answer_name(struct dns_answer *a, enum dns_type type, const char *name,
		     uint32_t ttl_s)
{
	uint8_t *length;

	put_owner(a, a->q->name);
	put_record_head(a, type, ttl_s);
	length = open_data(a);
	put_name(&a->w, name);
	close_data(a, length);
	a->answers++;
}

void dns_answer_soa(struct dns_answer *a, const char *zone, const char *server,
		    uint32_t serial, bool denial, uint32_t ttl_s)
{
	uint8_t *length;

	put_owner(a, zone);
	put_record_head(a, DNS_SOA, ttl_s);
	length = open_data(a);
	put_name(&a->w, server);
	put_name(&a->w, "nobody.invalid"); /* RFC 6761 s6.4: there is no mailbox */
	writer_be32(&a->w, serial);
	writer_be32(&a->w, 3600); /* refresh, retry, expire: for zone transfers, */
	writer_be32(&a->w, 600); /* which there are none of */
	writer_be32(&a->w, 86400);
	writer_be32(&a->w, ttl_s); /* of denials, RFC 2308 s4 */
	close_data(a, length);
	if (denial)
		a->authority++;
	else
		a->answers++;
}

size_t dns_answer_end(struct dns_answer *a)
{
	const struct dns_question *q = a->q;
	bool truncated = a->w.failed;
	uint8_t *start = a->w.start;
	size_t room = (size_t)(a->w.end - start) + (q->edns ? OPT_ROOM : 0);
	struct writer w = writer_of(start, room);
	size_t body = truncated ? DNS_HEADER + q->wire_n : writer_len(&a->w);

	if (body + (q->edns ? OPT_ROOM : 0) > room)
		return 0;
	put_header(&w, q->id, flags_of(a, truncated), 1,
		   truncated ? 0 : a->answers, truncated ? 0 : a->authority,
		   q->edns);
	if (truncated)
		writer_put(&w, q->wire, q->wire_n);
	else
		writer_reserve(&w, body - DNS_HEADER);
	if (q->edns) {
		writer_u8(&w, 0);
		writer_be16(&w, DNS_OPT);
		writer_be16(&w, DNS_EDNS_MAX);
		writer_be32(&w, (uint32_t)a->rcode >> 4 << 24);
		writer_be16(&w, 0);
	}
	return w.failed ? 0 : writer_len(&w);
}

size_t dns_reproach(uint16_t id, void *out)
{
	struct writer w = writer_of(out, DNS_HEADER);

	put_header(&w, id, FLAG_ANSWER | DNS_FORMERR, 0, 0, 0, 0);
	return writer_len(&w);
}
