/* SPDX-License-Identifier: MIT
 *
 * offload.h - cut super-packets into packets, join packets into super-packets
 *
 * Theory: PURE, no system calls. Out: a TSO/USO packet with its virtio-net header is
 * cut into packets with right lengths, IDs, sequence numbers, flags and checksums,
 * each written where the caller wants it (room in front for the tunnel's header). In:
 * decrypted packets are joined per flow: TCP in sequence with equal headers, UDP of
 * equal size; what differs in ECN, options, flags or order ends a run. Joined packets
 * are described by iovecs: no payload is copied. Order within a flow is kept.
 * Spec: virtio 1.2 s5.1.6; Linux include/uapi/linux/virtio_net.h; RFC 1624.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/attr.h"
#include "base/drop.h"
#include "tun/device.h"

enum {
	OFFLOAD_SEGMENTS_MAX = 128, /* packets that one super-packet may be cut into */
	OFFLOAD_MERGE_MAX = 256, /* packets of one batch to join */
	OFFLOAD_IOVS = 64 + 2, /* iovecs of one joined packet */
};

/* How offload_split() lays out packets: packet i begins at
 * out + i * stride + headroom; so a run is one UDP_SEGMENT train after sealing. */
struct offload_layout {
	uint8_t *out;
	size_t room; /* octets at out */
	size_t headroom, tailroom; /* octets left free around each packet */
};

struct offload_cut {
	unsigned count; /* packets */
	size_t stride; /* octets from one packet to the next */
	size_t length; /* octets of every packet but the last */
	size_t last_length; /* octets of the last; count == 1: of the only one */
};

/**
 * offload_plan() - How a read from the device will be cut, without cutting it
 * @p: Virtio header and packet, n octets, from the kernel but not trusted
 * @layout: headroom and tailroom are used; stride = headroom + length + tailroom with
 *          length rounded up by pad (16: WireGuard's) but not past mtu
 * Return: DROP_NONE, DROP_OFFLOAD, DROP_INNER_MALFORMED
 */
must_check enum drop offload_plan(const uint8_t *p, size_t n, size_t pad, size_t mtu,
				  const struct offload_layout *layout,
				  struct offload_cut *out);

/**
 * offload_split() - Cut it as planned, with all checksums made
 * Return: DROP_NONE, DROP_OFFLOAD (room too small)
 */
must_check enum drop offload_split(const uint8_t *p, size_t n,
				   const struct offload_layout *layout,
				   const struct offload_cut *cut);

/* One packet to hand to the device. */
struct offload_packet {
	uint8_t *data; /* inner packet; its header may be rewritten by merging */
	size_t n; /* octets, padding removed */
};

/* One write for the device: iov[0] is the virtio header. */
struct offload_write {
	struct iovec iov[OFFLOAD_IOVS];
	unsigned iovs;
	unsigned packets; /* how many were joined */
};

struct offload_merger; /* a thread's working memory */
struct offload_merger *offload_merger_new(bool tso, bool uso); /* NULL: no memory */
void offload_merger_free(struct offload_merger *m); /* takes NULL */

/**
 * offload_merge() - Join a batch of authenticated packets
 * @p: count <= OFFLOAD_MERGE_MAX packets, borrowed until the writes are done
 * @out: At least count writes of room
 *
 * Every packet of the batch is in exactly one write; checksums of joined packets are
 * left to the kernel (NEEDS_CSUM) only where the sum was right before.
 * Return: writes
 */
unsigned offload_merge(struct offload_merger *m, struct offload_packet *p,
		       unsigned count, struct offload_write *out);
