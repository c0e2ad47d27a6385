/* SPDX-License-Identifier: MIT
 *
 * offload_merge.c - join packets of a flow into one write for the device
 *
 * Theory: a run grows while packets of one flow follow each other with equal headers
 * (as the kernel's own GRO demands: same ACK, window, options, TOS, TTL, DF; for TCP the
 * next sequence number, for UDP the same size). Whatever does not fit closes the flow's
 * run, and since runs are written in the order in which they began, the order within a
 * flow is kept. The first packet's header is rewritten for the whole; payloads stay where
 * they are and are gathered by iovecs. A packet joins only if its checksum was right, for
 * the kernel will make or skip the sum of the whole.
 */
#include "tun/offload.h"

#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "tun/checksum.h"
#include "tun/segment.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* linux/virtio_net.h, 6.2 */
#endif

enum {
	FLOWS = 128, /* cells of the flow table; a power of two */
	WHOLE_MAX = 65535, /* octets of a joined packet */
	UDP_SEGMENTS = 64, /* UDP_MAX_SEGMENTS before Linux 6.9 */
};

/* A run that may still grow. */
struct run {
	struct segment first; /* headers of the first packet */
	uint8_t *head; /* the first packet */
	size_t size; /* octets of payload of each packet but the last */
	size_t whole; /* octets of the joined packet so far */
	uint32_t next; /* TCP: sequence number expected */
	uint16_t id; /* IPv4: ID of the last packet */
	uint8_t push; /* TCP: PSH seen in the last packet */
	bool open; /* false: nothing joins any more */
	bool in_flow; /* TCP or UDP, as first says */
};

struct offload_merger {
	bool tso, uso;
	struct run runs[OFFLOAD_MERGE_MAX]; /* by write */
	struct virtio_net_hdr vnet[OFFLOAD_MERGE_MAX]; /* by write */
	uint16_t flows[FLOWS]; /* write + 1 of a flow's newest run; 0: free */
};

struct offload_merger *offload_merger_new(bool tso, bool uso)
{
	struct offload_merger *m = calloc(1, sizeof(*m));

	if (m) {
		m->tso = tso;
		m->uso = uso;
	}
	return m;
}

void offload_merger_free(struct offload_merger *m)
{
	free(m);
}

/* ---- one packet ---- */

static const struct segment_tcp *tcp_of(const uint8_t *p, const struct segment *s)
{
	return (const struct segment_tcp *)(p + s->l4);
}

/* may_begin() - is this a packet that others could be joined to? */
static bool may_begin(const struct offload_merger *m, const uint8_t *p,
		      const struct segment *s)
{
	if (s->length == s->payload)
		return false;
	if (s->protocol == SEGMENT_UDP) {
		const uint8_t *sum = p + s->l4 + 6;

		return m->uso && (sum[0] || sum[1]);
	}
	/* the low bits beside the offset are a flag too (AE) or reserved */
	return m->tso && (tcp_of(p, s)->flags & ~TCP_PSH) == TCP_ACK &&
	       !(tcp_of(p, s)->offset & 0xf);
}

/* head_is_right() - of IPv4 without options: its five words */
static bool head_is_right(const uint8_t *p)
{
	uint32_t w[5];
	uint64_t sum = 0;

	memcpy(w, p, sizeof(w));
	for (unsigned i = 0; i < 5; i++)
		sum += w[i];
	return checksum_fold(sum) == 0xffff;
}

/* sum_is_right() - both of them: the joined packet's headers are made anew, which must
 * not mend what the receiver would have refused */
static bool sum_is_right(const uint8_t *p, const struct segment *s)
{
	return (s->v6 || head_is_right(p)) &&
	       checksum_fold(segment_sum(p, s)) == 0xffff;
}

/* ---- the flow table ---- */

static uint32_t hash_flow(const uint8_t *p, const struct segment *s)
{
	const uint8_t *a = p + (s->v6 ? 8 : 12);
	size_t octets = s->v6 ? 32 : 8;
	uint32_t h = s->protocol, w;

	for (size_t i = 0; i < octets; i += 4) {
		memcpy(&w, a + i, 4);
		h = (h ^ w) * 0x9e3779b1u;
	}
	memcpy(&w, p + s->l4, 4); /* both ports */
	h = (h ^ w) * 0x9e3779b1u;
	return h ^ (h >> 15);
}

static bool same_flow(const struct run *r, const uint8_t *p,
		      const struct segment *s)
{
	size_t at = s->v6 ? 8 : 12, octets = s->v6 ? 32 : 8;

	return r->in_flow && r->first.v6 == s->v6 &&
	       r->first.protocol == s->protocol &&
	       !memcmp(r->head + at, p + at, octets) &&
	       !memcmp(r->head + r->first.l4, p + s->l4, 4);
}

/* find_cell() - the flow's cell, or a free one; NULL: the table is full */
static uint16_t *find_cell(struct offload_merger *m, const uint8_t *p,
			   const struct segment *s)
{
	uint32_t h = hash_flow(p, s);

	for (unsigned i = 0; i < FLOWS; i++) {
		uint16_t *cell = &m->flows[(h + i) % FLOWS];

		if (!*cell || same_flow(&m->runs[*cell - 1], p, s))
			return cell;
	}
	return NULL;
}

/* ---- joining ---- */

static bool same_ip(const struct run *r, const uint8_t *p)
{
	const struct segment_ip4 *a = (const struct segment_ip4 *)r->head;
	const struct segment_ip4 *b = (const struct segment_ip4 *)p;
	uint16_t fragment;

	if (r->first.v6)
		return !memcmp(r->head, p, 4) && r->head[7] == p[7];
	fragment = be16_get(a->fragment);
	if (a->tos != b->tos || a->ttl != b->ttl ||
	    fragment != be16_get(b->fragment))
		return false;
	/* without DF the IDs must go on counting, as a later cut makes them */
	return fragment & 0x4000 || be16_get(b->id) == (uint16_t)(r->id + 1);
}

static bool same_tcp(const struct run *r, const uint8_t *p,
		     const struct segment *s)
{
	const struct segment_tcp *a = tcp_of(r->head, &r->first);
	const struct segment_tcp *b = tcp_of(p, s);
	size_t options = s->payload - s->l4 - sizeof(*b);

	return be32_get(b->sequence) == r->next && !r->push &&
	       be32_get(a->acknowledgement) == be32_get(b->acknowledgement) &&
	       be16_get(a->window) == be16_get(b->window) &&
	       be16_get(a->urgent) == be16_get(b->urgent) &&
	       r->first.payload == s->payload &&
	       !memcmp(a + 1, b + 1, options);
}

static bool may_join(const struct run *r, const struct offload_write *w,
		     const uint8_t *p, const struct segment *s)
{
	size_t payload = s->length - s->payload;

	if (!r->open || payload > r->size || r->whole + payload > WHOLE_MAX ||
	    w->iovs == OFFLOAD_IOVS || !same_ip(r, p))
		return false;
	if (s->protocol == SEGMENT_UDP)
		return w->packets < UDP_SEGMENTS;
	return same_tcp(r, p, s);
}

static void join(struct run *r, struct offload_write *w, uint8_t *p,
		 const struct segment *s)
{
	size_t payload = s->length - s->payload;

	w->iov[w->iovs++] = (struct iovec){ p + s->payload, payload };
	w->packets++;
	r->whole += payload;
	r->next += (uint32_t)payload;
	if (!s->v6)
		r->id = be16_get(((const struct segment_ip4 *)p)->id);
	if (s->protocol == SEGMENT_TCP)
		r->push = tcp_of(p, s)->flags & TCP_PSH;
	if (payload < r->size)
		r->open = false; /* only the last may be shorter */
}

/* begin() - a new write with this packet; s NULL: of no flow that could grow */
static void begin(struct offload_merger *m, unsigned number,
		  struct offload_write *w, const struct offload_packet *p,
		  const struct segment *s, bool open)
{
	struct run *r = &m->runs[number];

	memset(&m->vnet[number], 0, sizeof(m->vnet[number]));
	w->iov[0] = (struct iovec){ &m->vnet[number], DEVICE_VNET_OCTETS };
	w->iov[1] = (struct iovec){ p->data, p->n };
	w->iovs = 2;
	w->packets = 1;
	r->in_flow = s != NULL;
	r->open = open;
	r->head = p->data;
	if (!s)
		return;
	r->first = *s;
	r->whole = s->length;
	r->size = s->length - s->payload;
	r->push = 0;
	if (!s->v6)
		r->id = be16_get(((const struct segment_ip4 *)p->data)->id);
	if (s->protocol == SEGMENT_TCP) {
		r->next = be32_get(tcp_of(p->data, s)->sequence) +
			  (uint32_t)r->size;
		r->push = tcp_of(p->data, s)->flags & TCP_PSH;
	}
}

/* ---- the joined packet's headers ---- */

static uint8_t gso_type(const struct segment *s)
{
	if (s->protocol == SEGMENT_UDP)
		return VIRTIO_NET_HDR_GSO_UDP_L4;
	return s->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
}

static void finish(struct offload_merger *m, unsigned number,
		   const struct offload_write *w)
{
	struct run *r = &m->runs[number];
	const struct segment *s = &r->first;
	uint8_t *field;
	uint16_t sum;

	if (w->packets < 2)
		return;
	field = segment_checksum_at(r->head, s);
	segment_set_length(r->head, s, r->whole);
	if (r->push && s->protocol == SEGMENT_TCP)
		((struct segment_tcp *)(r->head + s->l4))->flags |= TCP_PSH;
	sum = checksum_fold(segment_pseudo(r->head, s, r->whole));
	memcpy(field, &sum, 2);
	m->vnet[number] = (struct virtio_net_hdr){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = gso_type(s),
		.hdr_len = (uint16_t)s->payload,
		.gso_size = (uint16_t)r->size,
		.csum_start = (uint16_t)s->l4,
		.csum_offset = (uint16_t)(field - r->head - (long)s->l4),
	};
}

/* place() - into its flow's run, or into a write of its own; the writes by now */
static unsigned place(struct offload_merger *m, struct offload_packet *p,
		      struct offload_write *out, unsigned writes)
{
	struct segment s;
	uint16_t *cell;
	bool grows;

	if (!segment_parse(p->data, p->n, &s)) {
		/* a fragment may be of any flow: nothing may overtake it */
		memset(m->flows, 0, sizeof(m->flows));
		begin(m, writes, &out[writes], p, NULL, false);
		return writes + 1;
	}
	cell = find_cell(m, p->data, &s);
	grows = may_begin(m, p->data, &s) && sum_is_right(p->data, &s);
	if (cell && *cell && grows) {
		struct run *r = &m->runs[*cell - 1];

		if (may_join(r, &out[*cell - 1], p->data, &s)) {
			join(r, &out[*cell - 1], p->data, &s);
			return writes;
		}
	}
	begin(m, writes, &out[writes], p, &s, cell && grows);
	if (cell)
		*cell = (uint16_t)(writes + 1);
	return writes + 1;
}

unsigned offload_merge(struct offload_merger *m, struct offload_packet *p,
		       unsigned count, struct offload_write *out)
{
	unsigned writes = 0;

	memset(m->flows, 0, sizeof(m->flows));
	for (unsigned i = 0; i < count; i++)
		writes = place(m, &p[i], out, writes);
	for (unsigned i = 0; i < writes; i++)
		finish(m, i, &out[i]);
	return writes;
}
