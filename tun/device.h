/* SPDX-License-Identifier: MIT
 *
 * device.h - /dev/net/tun with virtio-net headers and several queues
 *
 * Theory: with IFF_VNET_HDR and TSO/USO offered, one read() gives up to 64 KiB of one
 * flow and one write() takes as much; splitting and merging is ours (offload.h). What
 * the kernel does not offer (USO before 6.2) is probed at open and left out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/attr.h"

enum {
	DEVICE_NAME = 16, /* IFNAMSIZ */
	DEVICE_QUEUES_MAX = 128,
	DEVICE_VNET_OCTETS = 10, /* struct virtio_net_hdr */
	DEVICE_READ_MAX = 65535 + DEVICE_VNET_OCTETS, /* octets of one read */
};

struct device {
	char name[DEVICE_NAME]; /* as the kernel named it */
	unsigned index; /* interface index */
	unsigned queues;
	int fd[DEVICE_QUEUES_MAX]; /* non-blocking */
	bool tso, uso; /* what the kernel will give and take */
};

/**
 * device_probe() - Could device_open() work here at all? Makes nothing.
 * @why: If not: one sentence on what happened and what to do
 * Return: 0, -ENOENT (no /dev/net/tun), -EPERM (no CAP_NET_ADMIN), ...
 */
must_check int device_probe(char why[static 256]);

/**
 * device_open() - Create or attach to a TUN device
 * @name:   Wanted name, may hold "%d"; up to 15 characters
 * @queues: 1..DEVICE_QUEUES_MAX
 * @why:    On failure: one sentence on what happened and what to do
 * Return: 0 or negative errno (-ENOENT no /dev/net/tun, -EPERM, -EBUSY, ...)
 */
must_check int device_open(struct device *d, const char *name, unsigned queues,
			   char why[static 256]);
void device_close(struct device *d); /* safe on zeroed memory with fds 0: see .queues */

/* device_read() - one virtio header and packet into buf; octets, 0: nothing there,
 * or negative errno */
must_check int device_read(struct device *d, unsigned queue, uint8_t *buf, size_t room);
/* device_write() - one virtio header and packet, gathered; 0 or negative errno */
must_check int device_write(struct device *d, unsigned queue,
			    const struct iovec *iov, unsigned iovs);
