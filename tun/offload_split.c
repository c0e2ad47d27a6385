/* SPDX-License-Identifier: MIT
 *
 * offload_split.c - cut what the device gave into packets, with all checksums made
 *
 * The kernel's virtio header is not trusted further than the packet bears it out: the
 * header offsets are our own parse, and must agree with what it says.
 */
#include "tun/offload.h"

#include <linux/virtio_net.h>
#include <string.h>

#include "tun/checksum.h"
#include "tun/ip.h"
#include "tun/segment.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* linux/virtio_net.h, 6.2 */
#endif

/* What a read holds, checked. */
struct super {
	struct virtio_net_hdr vnet;
	const uint8_t *p; /* the packet */
	size_t n; /* its octets */
	struct segment seg; /* valid if gso */
	bool gso;
	size_t size; /* octets of payload of every segment but the last */
};

static bool kind_fits(const struct super *s)
{
	switch (s->vnet.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return !s->seg.v6 && s->seg.protocol == SEGMENT_TCP;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return s->seg.v6 && s->seg.protocol == SEGMENT_TCP;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		return s->seg.protocol == SEGMENT_UDP;
	}
	return false;
}

static enum drop read_super(const uint8_t *p, size_t n, struct super *s)
{
	struct ip_header ip;

	if (n < DEVICE_VNET_OCTETS)
		return DROP_OFFLOAD;
	memcpy(&s->vnet, p, sizeof(s->vnet));
	s->p = p + DEVICE_VNET_OCTETS;
	if (!ip_parse(s->p, n - DEVICE_VNET_OCTETS, &ip))
		return DROP_INNER_MALFORMED;
	s->n = ip.length;
	s->gso = s->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE;
	s->size = s->vnet.gso_size;
	if (!s->gso) {
		size_t at = (size_t)s->vnet.csum_start + s->vnet.csum_offset;

		if (s->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
		    at + 2 > s->n)
			return DROP_OFFLOAD;
		return DROP_NONE;
	}
	if (!segment_parse(s->p, s->n, &s->seg) || !kind_fits(s) || !s->size)
		return DROP_OFFLOAD;
	if (s->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	    s->vnet.csum_start != s->seg.l4)
		return DROP_OFFLOAD;
	return DROP_NONE;
}

static size_t padded(size_t length, size_t pad, size_t mtu)
{
	size_t up = (length + pad - 1) / pad * pad;

	if (up > mtu)
		up = mtu > length ? mtu : length;
	return up;
}

enum drop offload_plan(const uint8_t *p, size_t n, size_t pad, size_t mtu,
		       const struct offload_layout *layout,
		       struct offload_cut *out)
{
	struct super s;
	struct offload_cut c = { .count = 1 };
	enum drop d = read_super(p, n, &s);
	size_t payload;

	if (d != DROP_NONE)
		return d;
	c.length = c.last_length = s.n;
	if (s.gso && s.n > s.seg.payload + s.size) {
		payload = s.n - s.seg.payload;
		c.count = (unsigned)((payload + s.size - 1) / s.size);
		c.length = s.seg.payload + s.size;
		c.last_length = s.seg.payload + payload -
				(c.count - 1) * s.size;
	}
	if (c.count > OFFLOAD_SEGMENTS_MAX)
		return DROP_OFFLOAD;
	c.stride = layout->headroom + padded(c.length, pad, mtu) +
		   layout->tailroom;
	*out = c;
	return DROP_NONE;
}

/* finish_checksum() - what the kernel left to us in a packet that is not cut: the field
 * holds the pseudo header's sum */
static void finish_checksum(uint8_t *out, const struct super *s)
{
	size_t start = s->vnet.csum_start;
	uint8_t *field = out + start + s->vnet.csum_offset;
	uint16_t sum;

	if (!(s->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return;
	sum = (uint16_t)~checksum_fold(
		checksum_add(0, out + start, s->n - start));
	if (!sum)
		sum = 0xffff; /* RFC 768: zero would mean none */
	memcpy(field, &sum, 2);
}

static void set_tcp(uint8_t *out, const struct super *s, unsigned i, bool last)
{
	struct segment_tcp *t = (struct segment_tcp *)(out + s->seg.l4);

	t->sequence = be32_of(be32_get(t->sequence) + (uint32_t)(i * s->size));
	if (i)
		t->flags &= (uint8_t)~TCP_CWR;
	if (!last)
		t->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
}

/* write_segment() - packet i of a super-packet */
static void write_segment(uint8_t *out, const struct super *s, unsigned i,
			  size_t length, bool last)
{
	struct segment seg = s->seg;
	size_t header = seg.payload;
	uint8_t *field = segment_checksum_at(out, &seg);
	uint16_t sum;

	memcpy(out, s->p, header);
	memcpy(out + header, s->p + header + i * s->size, length - header);
	if (!seg.v6) {
		struct segment_ip4 *h = (struct segment_ip4 *)out;

		h->id = be16_of((uint16_t)(be16_get(h->id) + i));
	}
	if (seg.protocol == SEGMENT_TCP)
		set_tcp(out, s, i, last);
	segment_set_length(out, &seg, length);
	memset(field, 0, 2);
	seg.length = length;
	sum = (uint16_t)~checksum_fold(segment_sum(out, &seg));
	if (!sum)
		sum = 0xffff;
	memcpy(field, &sum, 2);
}

enum drop offload_split(const uint8_t *p, size_t n,
			const struct offload_layout *layout,
			const struct offload_cut *cut)
{
	struct super s;
	enum drop d = read_super(p, n, &s);
	size_t need = (cut->count - 1) * cut->stride + layout->headroom +
		      cut->last_length + layout->tailroom;

	if (d != DROP_NONE)
		return d;
	if (need > layout->room)
		return DROP_OFFLOAD;
	if (!s.gso) {
		memcpy(layout->out + layout->headroom, s.p, s.n);
		finish_checksum(layout->out + layout->headroom, &s);
		return DROP_NONE;
	}
	for (unsigned i = 0; i < cut->count; i++) {
		bool last = i + 1 == cut->count;

		write_segment(layout->out + i * cut->stride + layout->headroom,
			      &s, i, last ? cut->last_length : cut->length,
			      last);
	}
	return DROP_NONE;
}
