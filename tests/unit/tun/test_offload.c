/* SPDX-License-Identifier: MIT
 *
 * test_offload.c - cut and joined packets are the same packets; lies are refused
 *
 * The oracle is a naive builder: it makes each packet by itself with a checksum taken
 * two octets at a time.
 */
#include "tests/unit/unit.h"

#include <linux/virtio_net.h>
#include <stdlib.h>

#include "base/rand.h"
#include "tun/checksum.h"
#include "tun/ip.h"
#include "tun/offload.h"
#include "tun/segment.h"

enum {
	ROUNDS = 400,
	FLOWS = 5,
	PACKET_ROOM = 2048,
};

/* ---- the naive oracle ---- */

static uint16_t naive_sum(uint32_t sum, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
	if (n & 1)
		sum += (uint32_t)(p[n - 1] << 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

struct flow {
	bool v6, tcp, df;
	uint8_t number;
	uint32_t seq;
	uint16_t id;
	size_t size;
};

/* build() - the flow's next packet with n octets of payload; returns its length */
static size_t build(struct flow *f, uint8_t *p, size_t n, uint8_t flags,
		    uint8_t fill)
{
	size_t ip = f->v6 ? 40 : 20, l4 = f->tcp ? 32 : 8;
	size_t length = ip + l4 + n, field = ip + (f->tcp ? 16 : 6);
	uint8_t protocol = f->tcp ? 6 : 17;
	uint32_t sum;

	memset(p, 0, length);
	memset(p + ip + l4, fill, n);
	if (f->v6) {
		p[0] = 0x60;
		put16(p + 4, length - 40);
		p[6] = protocol;
		p[7] = 64;
		p[8] = p[24] = 0xfd;
		p[23] = f->number;
		p[39] = 1;
	} else {
		p[0] = 0x45;
		put16(p + 2, length);
		put16(p + 4, f->id++);
		p[6] = f->df ? 0x40 : 0;
		p[8] = 64;
		p[9] = protocol;
		p[12] = p[16] = 10;
		p[15] = f->number;
		p[19] = 1;
		put16(p + 10, (uint16_t)~naive_sum(0, p, 20));
	}
	put16(p + ip, 1000 + f->number);
	put16(p + ip + 2, 80);
	if (f->tcp) {
		put32(p + ip + 4, f->seq);
		put32(p + ip + 8, 77);
		p[ip + 12] = 0x80; /* 12 octets of options */
		p[ip + 13] = flags;
		put16(p + ip + 14, 500);
		memcpy(p + ip + 20, "\1\1\10\12ABCDEFGH", 12);
		f->seq += (uint32_t)n;
	} else {
		put16(p + ip + 4, length - ip);
	}
	sum = protocol + (uint32_t)(length - ip);
	sum += f->v6 ? naive_sum(0, p + 8, 32) : naive_sum(0, p + 12, 8);
	sum = (uint16_t)~naive_sum(sum, p + ip, length - ip);
	put16(p + field, sum ? sum : 0xffff);
	return length;
}

/* ---- checksum ---- */

static void checksum_agrees_with_naive(void **state)
{
	struct prng g = { 7 };
	uint8_t b[300];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t n = prng_below(&g, sizeof(b));
		uint16_t fast, slow;

		for (size_t i = 0; i < n; i++)
			b[i] = (uint8_t)prng_u64(&g);
		fast = checksum_fold(checksum_add(0, b, n));
		slow = naive_sum(0, b, n);
		assert_int_equal(be16_get(*(be16 *)&fast), slow);
	}
}

/* ---- split ---- */

static uint8_t whole[70000], cut_room[200000];

/* cut_write() - linearize and cut; returns packets at *stride apart behind headroom */
static struct offload_cut cut(const uint8_t *p, size_t n, size_t headroom)
{
	struct offload_layout l = { .out = cut_room, .room = sizeof(cut_room),
				    .headroom = headroom, .tailroom = 16 };
	struct offload_cut c;

	assert_int_equal(offload_plan(p, n, 16, 1400, &l, &c), DROP_NONE);
	assert_int_equal(offload_split(p, n, &l, &c), DROP_NONE);
	return c;
}

static void super_packet_is_cut_as_if_built(void **state)
{
	struct prng g = { 3 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct flow a = { .v6 = prng_below(&g, 2),
				  .tcp = prng_below(&g, 2),
				  .number = 9, .seq = (uint32_t)prng_u64(&g),
				  .id = (uint16_t)prng_u64(&g) };
		struct flow b = a;
		size_t size = 1 + prng_below(&g, 1300);
		size_t payload = size + prng_below(&g, (uint32_t)(40 * size));
		struct virtio_net_hdr v = { .gso_size = (uint16_t)size };
		uint8_t one[PACKET_ROOM];
		struct offload_cut c;
		size_t n;

		if (payload > 60000)
			payload = 60000;
		if (payload <= size)
			payload = size + 1;
		n = build(&a, whole + 10, payload, TCP_ACK | TCP_PSH, 0x5a);
		v.gso_type = !a.tcp ? 5 : a.v6 ? 4 : 1;
		v.flags = 1;
		v.csum_start = a.v6 ? 40 : 20;
		v.csum_offset = a.tcp ? 16 : 6;
		memcpy(whole, &v, 10);
		if ((payload + size - 1) / size > OFFLOAD_SEGMENTS_MAX)
			continue;
		c = cut(whole, 10 + n, 24);
		for (unsigned i = 0; i < c.count; i++) {
			bool last = i + 1 == c.count;
			size_t part = last ? payload - i * size : size;
			size_t want = build(&b, one, part,
					    last ? TCP_ACK | TCP_PSH : TCP_ACK,
					    0x5a);

			assert_int_equal(last ? c.last_length : c.length, want);
			assert_memory_equal(cut_room + i * c.stride + 24, one,
					    want);
		}
	}
}

static void left_out_checksum_is_made(void **state)
{
	struct flow f = { .tcp = true, .number = 3 };
	uint8_t good[PACKET_ROOM], *p = whole + 10;
	struct virtio_net_hdr v = { .flags = 1, .csum_start = 20,
				    .csum_offset = 16 };
	size_t n = build(&f, good, 333, TCP_ACK, 1);
	struct segment s;
	uint16_t pseudo;

	(void)state;
	memcpy(p, good, n);
	assert_true(segment_parse(p, n, &s));
	pseudo = checksum_fold(segment_pseudo(p, &s, n));
	memcpy(p + 36, &pseudo, 2);
	memcpy(whole, &v, 10);
	assert_int_equal(cut(whole, 10 + n, 0).count, 1);
	assert_memory_equal(cut_room, good, n);
}

static void lies_are_refused(void **state)
{
	struct flow f = { .tcp = true, .number = 3 };
	size_t n = build(&f, whole + 10, 3000, TCP_ACK, 1);
	struct offload_layout l = { .out = cut_room, .room = sizeof(cut_room) };
	struct offload_cut c;
	static const struct virtio_net_hdr lies[] = {
		{ .gso_type = 1, .gso_size = 0 },
		{ .gso_type = 4, .gso_size = 1000 },
		{ .gso_type = 5, .gso_size = 1000 },
		{ .gso_type = 2, .gso_size = 1000 },
		{ .gso_type = 3, .gso_size = 1000 },
		{ .gso_type = 1, .gso_size = 1 },
		{ .flags = 1, .gso_type = 1, .gso_size = 1000, .csum_start = 24 },
		{ .flags = 1, .csum_start = 20, .csum_offset = 65000 },
		{ .flags = 1, .csum_start = 65535, .csum_offset = 65535 },
		{ .flags = 1, .csum_start = 3051, .csum_offset = 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		memcpy(whole, &lies[i], 10);
		assert_int_equal(offload_plan(whole, 10 + n, 16, 1400, &l, &c),
				 DROP_OFFLOAD);
	}
	memset(whole, 0, 10);
	for (size_t cut_at = 0; cut_at < 10 + n; cut_at++)
		assert_int_not_equal(offload_plan(whole, cut_at, 16, 1400, &l,
						  &c),
				     DROP_NONE);
	l.room = 100;
	assert_int_equal(offload_plan(whole, 10 + n, 16, 1400, &l, &c),
			 DROP_NONE);
	assert_int_equal(offload_split(whole, 10 + n, &l, &c), DROP_OFFLOAD);
}

/* Whatever the header says of whatever packet: refused, or cut into what was there. */
static void random_lies_stay_inside(void **state)
{
	struct prng g = { 23 };
	unsigned taken = 0;

	(void)state;
	for (int round = 0; round < 20 * ROUNDS; round++) {
		struct flow f = { .v6 = prng_below(&g, 2),
				  .tcp = prng_below(&g, 2), .number = 3 };
		size_t n = build(&f, whole + 10, prng_below(&g, 6000), TCP_ACK,
				 1);
		struct offload_layout l = { .out = cut_room, .headroom = 32,
					    .room = 8000, .tailroom = 16 };
		struct offload_cut c;
		size_t inner;

		for (unsigned i = 0; i < 10; i++)
			whole[i] = (uint8_t)prng_u64(&g);
		whole[1] = (uint8_t)prng_below(&g, 6);
		if (prng_below(&g, 2))
			whole[2 + prng_below(&g, 8)] = 0;
		if (prng_below(&g, 2))
			whole[10 + prng_below(&g, (uint32_t)n)] ^= 1;
		if (prng_below(&g, 4) == 0)
			n = prng_below(&g, (uint32_t)n);
		/* exactly as large as what was read: ASan sees who looks behind it */
		uint8_t *p = malloc(10 + n);
		memcpy(p, whole, 10 + n);
		memset(cut_room + l.room, 0xa5, 64);
		if (offload_plan(p, 10 + n, 16, 1400, &l, &c) == DROP_NONE) {
			assert_in_range(c.count, 1, OFFLOAD_SEGMENTS_MAX);
			inner = (c.count - 1) * c.length + c.last_length;
			assert_true(inner <= n + c.count * 100);
			if (offload_split(p, 10 + n, &l, &c) == DROP_NONE)
				taken++;
		}
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(cut_room[l.room + i], 0xa5);
		free(p);
	}
	assert_true(taken > ROUNDS);
}

/* ---- merge, then split: the same packets, flow by flow ---- */

static uint8_t sent[OFFLOAD_MERGE_MAX][PACKET_ROOM];
static uint8_t kept[OFFLOAD_MERGE_MAX][PACKET_ROOM];
static size_t length_of[OFFLOAD_MERGE_MAX];
static unsigned flow_of[OFFLOAD_MERGE_MAX];

static size_t linearize(const struct offload_write *w)
{
	size_t n = 0;

	for (unsigned i = 0; i < w->iovs; i++) {
		memcpy(whole + n, w->iov[i].iov_base, w->iov[i].iov_len);
		n += w->iov[i].iov_len;
	}
	return n;
}

static unsigned flow_number(const uint8_t *p)
{
	return p[0] >> 4 == 6 ? p[23] : p[15];
}

/* forget_id() - with DF the ID means nothing (RFC 6864), and a cut counts it anew; a
 * wrong header checksum stays to be seen */
static void forget_id(uint8_t *p)
{
	if (p[0] == 0x45 && p[6] & 0x40 && naive_sum(0, p, 20) == 0xffff)
		memset(p + 4, 0, 2), memset(p + 10, 0, 2);
}

/* mend_sums() - of a packet with changed headers, if it still parses */
static void mend_sums(uint8_t *p, size_t n)
{
	struct segment s;
	uint16_t sum;
	uint8_t *field;

	if (p[0] == 0x45) {
		put16(p + 10, 0);
		put16(p + 10, (uint16_t)~naive_sum(0, p, 20));
	}
	if (!segment_parse(p, n, &s))
		return;
	field = segment_checksum_at(p, &s);
	memset(field, 0, 2);
	sum = (uint16_t)~checksum_fold(segment_sum(p, &s));
	memcpy(field, &sum, 2);
}

/* odd_header() - what a sender, a router or a liar may do to one packet's headers; not
 * to addresses and ports, which would make it another flow */
static void odd_header(struct prng *g, uint8_t *p, size_t n, bool v6, bool tcp)
{
	size_t l4 = v6 ? 40 : 20;
	static const uint8_t tcp_places[] = { 8, 12, 14, 18, 22, 27 };
	static const uint8_t v4_places[] = { 1, 4, 6, 8, 10 };
	static const uint8_t v6_places[] = { 1, 2, 3, 7 };
	size_t at = 0;

	switch (prng_below(g, 4)) {
	case 0:
		at = v6 ? v6_places[prng_below(g, sizeof(v6_places))] :
			  v4_places[prng_below(g, sizeof(v4_places))];
		break;
	case 1:
		at = tcp ? l4 + tcp_places[prng_below(g, sizeof(tcp_places))] :
			   l4 + 6;
		break;
	case 2: /* UDP without a sum, TCP with a wrong one */
		memset(p + l4 + (tcp ? 16 : 6), 0, 2);
		return;
	case 3:
		at = prng_below(g, (uint32_t)n);
		break;
	}
	if (at && !(at >= (v6 ? 8 : 12) && at < l4 + 4))
		p[at] ^= (uint8_t)(1 << prng_below(g, 8));
	if (prng_below(g, 2)) /* and as if it were right */
		mend_sums(p, n);
}

static unsigned make_batch(struct prng *g, struct flow *flows)
{
	unsigned count = 1 + prng_below(g, OFFLOAD_MERGE_MAX);

	for (unsigned i = 0; i < count; i++) {
		struct flow *f = &flows[prng_below(g, FLOWS)];
		size_t n = prng_below(g, 8) ? f->size : prng_below(g, 1300);
		uint8_t flags = TCP_ACK;
		unsigned odd = prng_below(g, 40);

		if (odd == 0)
			flags |= TCP_FIN;
		if (odd == 1 || odd == 2)
			flags |= TCP_PSH;
		if (odd == 3)
			f->seq += 5; /* something is missing */
		if (odd == 4)
			f->id += 3;
		flow_of[i] = f->number;
		length_of[i] = build(f, sent[i], n, flags, (uint8_t)i);
		if (odd == 5)
			sent[i][length_of[i] - 1] ^= 1; /* wrong checksum */
		if (odd == 6 && !f->v6) { /* a fragment */
			sent[i][6] |= 0x20;
			put16(sent[i] + 10, 0);
			put16(sent[i] + 10,
			      (uint16_t)~naive_sum(0, sent[i], 20));
		}
		if (odd == 7 || odd == 8)
			odd_header(g, sent[i], length_of[i], f->v6, f->tcp);
		memcpy(kept[i], sent[i], length_of[i]);
	}
	return count;
}

/* next_of_flow() - the first packet at or behind from of that flow */
static unsigned next_of_flow(unsigned from, unsigned count, unsigned flow)
{
	while (from < count && flow_of[from] != flow)
		from++;
	return from;
}

/* check_single() - what was not joined is given as it came, without offloads */
static unsigned check_single(const struct offload_write *w, unsigned count,
			     unsigned *next)
{
	size_t n = linearize(w);
	unsigned flow = flow_number(whole + 10);
	unsigned at = next_of_flow(next[flow], count, flow);

	assert_true(at < count);
	next[flow] = at + 1;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(whole[i], 0);
	assert_int_equal(n - 10, length_of[at]);
	assert_memory_equal(whole + 10, kept[at], length_of[at]);
	return 1;
}

static unsigned check_write(const struct offload_write *w, unsigned count,
			    unsigned *next)
{
	size_t n;
	struct offload_cut c;

	if (w->packets == 1)
		return check_single(w, count, next);
	n = linearize(w);
	c = cut(whole, n, 0);
	assert_int_equal(c.count, w->packets);
	for (unsigned i = 0; i < c.count; i++) {
		uint8_t *p = cut_room + i * c.stride;
		unsigned flow = flow_number(p);
		unsigned at = next_of_flow(next[flow], count, flow);

		assert_true(at < count);
		next[flow] = at + 1;
		assert_int_equal(i + 1 < c.count ? c.length : c.last_length,
				 length_of[at]);
		forget_id(p);
		forget_id(kept[at]);
		assert_memory_equal(p, kept[at], length_of[at]);
	}
	return c.count;
}

static void merged_and_cut_is_the_same(void **state)
{
	static struct offload_write out[OFFLOAD_MERGE_MAX];
	struct offload_packet p[OFFLOAD_MERGE_MAX];
	struct offload_merger *m = offload_merger_new(true, true);
	struct prng g = { 11 };
	unsigned joined = 0;

	(void)state;
	assert_non_null(m);
	for (int round = 0; round < ROUNDS; round++) {
		struct flow flows[FLOWS];
		unsigned next[FLOWS] = { 0 }, count, writes, seen = 0;

		for (uint8_t i = 0; i < FLOWS; i++)
			flows[i] = (struct flow){
				.v6 = prng_below(&g, 2),
				.tcp = prng_below(&g, 3) > 0,
				.df = prng_below(&g, 2),
				.number = i,
				.seq = (uint32_t)prng_u64(&g),
				.size = 1 + prng_below(&g, 1300),
			};
		count = make_batch(&g, flows);
		for (unsigned i = 0; i < count; i++)
			p[i] = (struct offload_packet){ sent[i], length_of[i] };
		writes = offload_merge(m, p, count, out);
		for (unsigned i = 0; i < writes; i++)
			seen += check_write(&out[i], count, next);
		assert_int_equal(seen, count);
		joined += count - writes;
	}
	assert_true(joined > ROUNDS * 20); /* it does join */
	offload_merger_free(m);
}

/* A train of super-packets as a kernel gives them, cut, joined: the same super-packets
 * again, octet by octet and in order. */
static void cut_and_merged_is_the_same(void **state)
{
	static uint8_t before[70000];
	static struct offload_write out[OFFLOAD_MERGE_MAX];
	struct offload_packet p[OFFLOAD_SEGMENTS_MAX];
	struct offload_merger *m = offload_merger_new(true, true);
	struct prng g = { 17 };

	(void)state;
	assert_non_null(m);
	for (int round = 0; round < ROUNDS; round++) {
		struct flow f = { .v6 = prng_below(&g, 2),
				  .tcp = prng_below(&g, 2), .df = true,
				  .number = 1, .id = (uint16_t)prng_u64(&g),
				  .seq = (uint32_t)prng_u64(&g) };
		size_t size = 200 + prng_below(&g, 1100);
		unsigned count = 2 + prng_below(&g, 40);
		size_t payload = (count - 1) * size + 1 +
				 prng_below(&g, (uint32_t)size);
		struct virtio_net_hdr v = { .gso_size = (uint16_t)size };
		struct offload_cut c;
		size_t n;

		n = build(&f, whole + 10, payload, TCP_ACK | TCP_PSH,
			  (uint8_t)round);
		v.gso_type = !f.tcp ? 5 : f.v6 ? 4 : 1;
		memcpy(whole, &v, 10);
		memcpy(before, whole, 10 + n);
		c = cut(whole, 10 + n, 0);
		assert_int_equal(c.count, count);
		for (unsigned i = 0; i < count; i++)
			p[i] = (struct offload_packet){
				cut_room + i * c.stride,
				i + 1 < count ? c.length : c.last_length
			};
		assert_int_equal(offload_merge(m, p, count, out), 1);
		assert_int_equal(out[0].packets, count);
		assert_int_equal(linearize(&out[0]), 10 + n);
		memcpy(&v, whole, 10);
		assert_int_equal(v.gso_size, size);
		/* but for the sum, which is the kernel's again */
		n = (f.v6 ? 40u : 20u) + (f.tcp ? 16u : 6u);
		memset(whole + 10 + n, 0, 2);
		memset(before + 10 + n, 0, 2);
		assert_memory_equal(whole + 10, before + 10,
				    payload + (f.v6 ? 40 : 20) +
					    (f.tcp ? 32 : 8));
	}
	offload_merger_free(m);
}

static void bulk_becomes_one_write(void **state)
{
	static struct offload_write out[OFFLOAD_MERGE_MAX];
	struct offload_packet p[40];
	struct offload_merger *m = offload_merger_new(true, true);
	struct flow f = { .tcp = true, .df = true, .number = 1 };

	(void)state;
	for (int i = 0; i < 40; i++)
		p[i] = (struct offload_packet){
			sent[i], build(&f, sent[i], 1348, TCP_ACK, 1)
		};
	assert_int_equal(offload_merge(m, p, 40, out), 1);
	assert_int_equal(out[0].packets, 40);
	offload_merger_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_agrees_with_naive),
		cmocka_unit_test(super_packet_is_cut_as_if_built),
		cmocka_unit_test(left_out_checksum_is_made),
		cmocka_unit_test(lies_are_refused),
		cmocka_unit_test(random_lies_stay_inside),
		cmocka_unit_test(merged_and_cut_is_the_same),
		cmocka_unit_test(cut_and_merged_is_the_same),
		cmocka_unit_test(bulk_becomes_one_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
