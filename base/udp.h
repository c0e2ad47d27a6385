/* SPDX-License-Identifier: MIT
 *
 * udp.h - datagram sockets that send and receive trains
 *
 * Theory: a train is several datagrams of one length (the last may be shorter)
 * between the same two endpoints, in one buffer. UDP_SEGMENT lets the kernel cut
 * it on the way out, UDP_GRO joins it on the way in (Linux 4.18, 5.0); one system
 * call then moves up to 64 KiB. Kernels or paths that refuse are noticed by their
 * error, the socket falls back to single datagrams and says so in .gso.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/nat64.h"

enum {
	UDP_TRAIN_MAX = 65535, /* octets of one train, buffer size for receive */
	UDP_TRAIN_SEND = 65000, /* octets of one train that may be sent */
	UDP_SEGMENTS_MAX = 64, /* datagrams of one train; 128 on newer kernels */
	UDP_BATCH_MAX = 64, /* trains of one system call */
};

struct udp {
	int fd; /* -1: not open */
	_Atomic bool v6; /* AF_INET6, IPv6 only */
	/* all endpoints are IPv4, and what carries them is IPv6; NULL: no such thing */
	_Atomic(const struct nat64 *) nat64;
	_Atomic bool gso; /* UDP_SEGMENT works here; any sender may clear it */
	bool gro; /* UDP_GRO is on */
	uint16_t port; /* bound port, host order */
	uint32_t lost; /* the receiver's: datagrams or trains that found the queue full */
};

struct udp_params {
	struct endpoint local; /* address (all zero: any) and port (0: any) */
	bool v6; /* family when the address is all zero */
	const struct nat64 *nat64; /* an IPv4 socket by this translator; of any address;
				    * must outlive the socket. NULL: none */
	bool reuse_port; /* several sockets on one port */
	bool gro; /* receive trains */
	uint32_t mark; /* SO_MARK, 0: none */
	const char *device; /* by this interface alone, in and out, whatever the routes' metrics
			     * (SO_BINDTODEVICE); NULL: any */
	int buffer_octets; /* asked for both directions; 0: kernel's default */
	int send_octets; /* asked for sending; 0: as buffer_octets */
};

/* One received train. The caller sets data and room, the rest is filled in. */
struct udp_in {
	uint8_t *data; /* UDP_TRAIN_MAX octets of room to receive trains */
	size_t room; /* octets */
	size_t n; /* octets received */
	size_t segment; /* octets of each datagram but the last; 0 < segment <= n, or n is 0 */
	struct endpoint from; /* untrusted */
	struct ipaddr to; /* local address it came to; all zero if not known */
	unsigned index; /* interface it came in on; 0 if not known */
	uint8_t tos; /* DSCP and ECN */
	bool truncated; /* did not fit: drop it */
};

/* One train to send. */
struct udp_out {
	struct endpoint to;
	const uint8_t *data; /* borrowed until return */
	size_t n; /* octets, at most UDP_TRAIN_SEND */
	size_t segment; /* octets of each datagram but the last; 0 or n: one only */
	struct ipaddr from; /* local address to send from; all zero: any */
	unsigned index; /* interface to send through; 0: by the routes */
	uint8_t ttl; /* 0: the socket's default */
	uint8_t tos;
};

/**
 * udp_open() - A non-blocking, close-on-exec socket
 * Return: 0 or negative errno (-EADDRINUSE, -EAFNOSUPPORT, ...)
 */
must_check int udp_open(struct udp *u, const struct udp_params *p);
void udp_close(struct udp *u); /* safe on fd -1 */
/* udp_share() - from now on sockets with .reuse_port may bind to its port as well; who
 * binds without it is still told that the port is taken */
must_check int udp_share(struct udp *u);

/**
 * udp_renew() - A fresh socket, on another port, under the same descriptor
 * Other threads may go on using u meanwhile, but for .port.
 * Return: 0 or negative errno: the old socket stands
 */
must_check int udp_renew(struct udp *u, const struct udp_params *p);
/* udp_replace() - the same with a socket of one's family that is open already; closes `by` */
must_check int udp_replace(struct udp *u, struct udp *by);

/* udp_join() - receive what goes to a multicast group on this interface, and only there;
 * 0 or negative errno; -EADDRINUSE: it does already */
must_check int udp_join(struct udp *u, const struct ipaddr *group, unsigned index);

/**
 * udp_recv() - Up to count trains, without waiting
 * Return: trains received; 0 if there are none; negative errno
 */
must_check int udp_recv(struct udp *u, struct udp_in *in, unsigned count);

/* udp_backlog() - octets of memory that wait to be received, about; one system call */
size_t udp_backlog(const struct udp *u);

/**
 * udp_send() - Trains, in order
 * @sent: Trains that left; those behind it did not
 *
 * A train that GSO cannot carry is cut here and sent as single datagrams.
 * Return: 0; -EAGAIN (socket buffer full); or the negative errno that train
 *         number *sent met: skip it and go on, or stop
 */
must_check int udp_send(struct udp *u, const struct udp_out *out,
			unsigned count, unsigned *sent);

/* udp_datagrams() - of which a train consists */
uint64_t udp_datagrams(const struct udp_out *o);

/* udp_send_all() - the same, and a train that is refused is passed over
 * Return: datagrams that did not leave; exact, also of a train that was cut here */
must_check uint64_t udp_send_all(struct udp *u, const struct udp_out *out,
				 unsigned count);
