/* SPDX-License-Identifier: MIT
 *
 * udp.c - datagram sockets that send and receive trains
 */
#include "base/udp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <linux/sock_diag.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* linux/udp.h, 4.18 */
#endif
#ifndef UDP_GRO
#define UDP_GRO 104 /* linux/udp.h, 5.0 */
#endif

/* room for pktinfo, TOS, TTL, a segment size and a count of what was lost */
enum {
	CONTROL_OCTETS = 128
};

static bool set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

static void set_buffers(int fd, const struct udp_params *p)
{
	int octets = p->send_octets ? p->send_octets : p->buffer_octets;

	if (p->buffer_octets &&
	    !set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, p->buffer_octets))
		set_int(fd, SOL_SOCKET, SO_RCVBUF, p->buffer_octets);
	if (octets && !set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, octets))
		set_int(fd, SOL_SOCKET, SO_SNDBUF, octets);
}

static int set_options(struct udp *u, const struct udp_params *p)
{
	int zero = 0;
	socklen_t len = sizeof(zero);

	if (p->reuse_port && !set_int(u->fd, SOL_SOCKET, SO_REUSEPORT, 1))
		return -errno;
	if (p->mark && !set_int(u->fd, SOL_SOCKET, SO_MARK, (int)p->mark))
		return -errno;
	if (p->device && setsockopt(u->fd, SOL_SOCKET, SO_BINDTODEVICE, p->device,
				    (socklen_t)strlen(p->device)) < 0)
		return -errno;
	set_buffers(u->fd, p);
	if (u->v6) {
		if (!set_int(u->fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
			return -errno;
		set_int(u->fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(u->fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set_int(u->fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0);
	} else {
		set_int(u->fd, IPPROTO_IP, IP_PKTINFO, 1);
		set_int(u->fd, IPPROTO_IP, IP_RECVTOS, 1);
		set_int(u->fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
		/* Too large is fragmented, not refused: the path's MTU is the
		 * path set's affair. */
		set_int(u->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	}
	set_int(u->fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	u->gro = p->gro && set_int(u->fd, IPPROTO_UDP, UDP_GRO, 1);
	u->gso = getsockopt(u->fd, IPPROTO_UDP, UDP_SEGMENT, &zero, &len) == 0;
	return 0;
}

int udp_open(struct udp *u, const struct udp_params *p)
{
	bool any = ipaddr_is_zero(&p->local.ip);
	struct endpoint local = p->local;
	struct sockaddr_storage ss;
	socklen_t len;
	int err;

	*u = (struct udp){ .fd = -1, .nat64 = p->nat64 };
	u->v6 = p->nat64 || (any ? p->v6 : !ipaddr_is_v4(&p->local.ip));
	if (any && !u->v6)
		local.ip = ipaddr_v4(0);
	u->fd = socket(u->v6 ? AF_INET6 : AF_INET,
		       SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0)
		return -errno;
	err = set_options(u, p);
	if (err)
		goto err_close;
	len = endpoint_to_sockaddr(&local, u->v6, &ss);
	if (bind(u->fd, (struct sockaddr *)&ss, len) < 0) {
		err = -errno;
		goto err_close;
	}
	len = sizeof(ss);
	if (getsockname(u->fd, (struct sockaddr *)&ss, &len) < 0 ||
	    !endpoint_from_sockaddr(&ss, &local)) {
		err = -EINVAL;
		goto err_close;
	}
	u->port = local.port;
	return 0;

err_close:
	udp_close(u);
	return err;
}

void udp_close(struct udp *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
}

int udp_share(struct udp *u)
{
	return set_int(u->fd, SOL_SOCKET, SO_REUSEPORT, 1) ? 0 : -errno;
}

int udp_replace(struct udp *u, struct udp *by)
{
	if (dup3(by->fd, u->fd, O_CLOEXEC) < 0)
		return -errno;
	u->port = by->port;
	atomic_store(&u->nat64, by->nat64);
	atomic_store(&u->v6, by->v6);
	udp_close(by);
	return 0;
}

int udp_renew(struct udp *u, const struct udp_params *p)
{
	struct udp fresh;
	int err = udp_open(&fresh, p);

	if (err)
		return err;
	err = udp_replace(u, &fresh);
	udp_close(&fresh);
	return err;
}

int udp_join(struct udp *u, const struct ipaddr *group, unsigned index)
{
	struct ipv6_mreq m6 = { .ipv6mr_interface = index };
	struct ip_mreqn m4 = { .imr_ifindex = (int)index };
	int err;

	if (u->v6) {
		memcpy(&m6.ipv6mr_multiaddr, group->b, 16);
		(void)set_int(u->fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
		err = setsockopt(u->fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m6,
				 sizeof(m6));
	} else {
		memcpy(&m4.imr_multiaddr, group->b + 12, 4);
		(void)set_int(u->fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
		err = setsockopt(u->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m4,
				 sizeof(m4));
	}
	return err < 0 ? -errno : 0;
}

static void read_control(struct udp *u, struct msghdr *m, struct udp_in *in)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int level = c->cmsg_level, type = c->cmsg_type;

		if (level == IPPROTO_UDP && type == UDP_GRO) {
			int v;

			memcpy(&v, CMSG_DATA(c), sizeof(v));
			if (v > 0 && (size_t)v < in->n)
				in->segment = (size_t)v;
		} else if (level == IPPROTO_IP && type == IP_PKTINFO) {
			struct in_pktinfo pi;

			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			in->to = ipaddr_from_v4((uint8_t *)&pi.ipi_addr);
			in->index = (unsigned)pi.ipi_ifindex;
		} else if (level == IPPROTO_IPV6 && type == IPV6_PKTINFO) {
			struct in6_pktinfo pi;

			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			in->to = ipaddr_from_v6((uint8_t *)&pi.ipi6_addr);
			in->index = pi.ipi6_ifindex;
		} else if (level == IPPROTO_IP && type == IP_TOS) {
			in->tos = *CMSG_DATA(c);
		} else if (level == IPPROTO_IPV6 && type == IPV6_TCLASS) {
			int v;

			memcpy(&v, CMSG_DATA(c), sizeof(v));
			in->tos = (uint8_t)v;
		} else if (level == SOL_SOCKET && type == SO_RXQ_OVFL) {
			memcpy(&u->lost, CMSG_DATA(c), sizeof(u->lost));
		}
	}
}

/* translate_in() - of a translator's socket: whom it speaks for */
static void translate_in(const struct nat64 *t, struct udp_in *in)
{
	if (!nat64_extract(t, &in->from.ip, &in->from.ip))
		in->from = (struct endpoint){ 0 };
	in->from.scope = 0;
	in->to = (struct ipaddr){ 0 }; /* we have no address of that family */
}

int udp_recv(struct udp *u, struct udp_in *in, unsigned count)
{
	const struct nat64 *t = atomic_load_explicit(&u->nat64, memory_order_acquire);

	struct mmsghdr m[UDP_BATCH_MAX];
	struct iovec iov[UDP_BATCH_MAX];
	struct sockaddr_storage from[UDP_BATCH_MAX];
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH_MAX][CONTROL_OCTETS];
	int got;

	if (count > UDP_BATCH_MAX)
		count = UDP_BATCH_MAX;
	for (unsigned i = 0; i < count; i++) {
		iov[i] = (struct iovec){ in[i].data, in[i].room };
		m[i].msg_hdr = (struct msghdr){
			.msg_name = &from[i],
			.msg_namelen = sizeof(from[i]),
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
			.msg_control = control[i],
			.msg_controllen = CONTROL_OCTETS,
		};
	}
	got = recvmmsg(u->fd, m, count, MSG_DONTWAIT, NULL);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < got; i++) {
		in[i].n = in[i].segment = m[i].msg_len;
		in[i].truncated = m[i].msg_hdr.msg_flags & MSG_TRUNC;
		in[i].to = (struct ipaddr){ 0 };
		in[i].index = 0;
		in[i].tos = 0;
		read_control(u, &m[i].msg_hdr, &in[i]);
		if (!endpoint_from_sockaddr(&from[i], &in[i].from))
			in[i].from = (struct endpoint){ 0 };
		if (t)
			translate_in(t, &in[i]);
	}
	return got;
}

size_t udp_backlog(const struct udp *u)
{
	uint32_t v[SK_MEMINFO_VARS] = { 0 };
	socklen_t n = sizeof(v);

	if (getsockopt(u->fd, SOL_SOCKET, SO_MEMINFO, v, &n) < 0)
		return 0;
	return v[SK_MEMINFO_RMEM_ALLOC];
}

/* add_control() - append one ancillary value; the buffer is zeroed and ample */
static void add_control(struct msghdr *m, int level, int type, const void *v,
			size_t n)
{
	struct cmsghdr *c =
		(struct cmsghdr *)((uint8_t *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(n);
	memcpy(CMSG_DATA(c), v, n);
	m->msg_controllen += CMSG_SPACE(n);
}

static void write_control(bool v6, const struct udp_out *o, struct msghdr *m, bool gso)
{
	if (gso && o->segment && o->segment < o->n) {
		uint16_t seg = (uint16_t)o->segment;

		add_control(m, IPPROTO_UDP, UDP_SEGMENT, &seg, sizeof(seg));
	}
	if (o->ttl) {
		int ttl = o->ttl;

		add_control(m, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			    v6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof(ttl));
	}
	if (o->tos) {
		int tos = o->tos;

		add_control(m, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
			    v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
	}
	if (ipaddr_is_zero(&o->from) && !o->index)
		return;
	if (v6) {
		struct in6_pktinfo pi = { .ipi6_ifindex = o->index };

		if (!ipaddr_is_v4(&o->from)) /* by a translator: none of ours */
			memcpy(&pi.ipi6_addr, o->from.b, 16);
		add_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &pi, sizeof(pi));
	} else {
		struct in_pktinfo pi = { .ipi_ifindex = (int)o->index };

		memcpy(&pi.ipi_spec_dst, o->from.b + 12, 4);
		add_control(m, IPPROTO_IP, IP_PKTINFO, &pi, sizeof(pi));
	}
}

/* is_train() - more than one datagram? */
static bool is_train(const struct udp_out *o)
{
	return o->segment && o->segment < o->n;
}

uint64_t udp_datagrams(const struct udp_out *o)
{
	return is_train(o) ? (o->n + o->segment - 1) / o->segment : 1;
}

/* cannot_gso() - does this errno mean "not as one train"? */
static bool cannot_gso(const struct udp_out *o, int err)
{
	return is_train(o) && (err == EIO || err == EINVAL || err == EMSGSIZE ||
			       err == EOPNOTSUPP);
}

static socklen_t translate_out(const struct nat64 *t, const struct endpoint *v4,
			       struct sockaddr_storage *out)
{
	struct endpoint to = { .ip = nat64_embed(t, &v4->ip), .port = v4->port };

	return endpoint_to_sockaddr(&to, true, out);
}

/* send_run() - one sendmmsg of trains that may all be given as they are */
static int send_run(struct udp *u, const struct udp_out *out, unsigned count)
{
	struct mmsghdr m[UDP_BATCH_MAX];
	struct iovec iov[UDP_BATCH_MAX];
	struct sockaddr_storage to[UDP_BATCH_MAX];
	_Alignas(struct cmsghdr) uint8_t control[UDP_BATCH_MAX][CONTROL_OCTETS];
	const struct nat64 *t = atomic_load_explicit(&u->nat64, memory_order_acquire);
	bool v6 = u->v6;
	int r;

	for (unsigned i = 0; i < count; i++) {
		struct msghdr *h = &m[i].msg_hdr;

		iov[i] = (struct iovec){ (void *)(uintptr_t)out[i].data,
					 out[i].n };
		*h = (struct msghdr){ .msg_name = &to[i],
				      .msg_iov = &iov[i],
				      .msg_iovlen = 1,
				      .msg_control = control[i] };
		if (t)
			h->msg_namelen = translate_out(t, &out[i].to, &to[i]);
		else
			h->msg_namelen = endpoint_to_sockaddr(&out[i].to, v6, &to[i]);
		memset(control[i], 0, CONTROL_OCTETS);
		write_control(v6, &out[i], h, u->gso);
		if (!h->msg_controllen)
			h->msg_control = NULL;
	}
	do
		r = sendmmsg(u->fd, m, count, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* send_cut() - a train as single datagrams, for kernels and paths without GSO; the
 * number of those that did not leave comes back in *left */
static int send_cut(struct udp *u, const struct udp_out *o, uint64_t *left)
{
	size_t step = is_train(o) ? o->segment : o->n;

	*left = udp_datagrams(o);
	for (size_t at = 0; at < o->n; at += step) {
		struct udp_out one = *o;
		int r;

		one.data = o->data + at;
		one.n = o->n - at < step ? o->n - at : step;
		one.segment = 0;
		r = send_run(u, &one, 1);
		if (r < 0)
			return r;
		--*left;
	}
	return 0;
}

/* send_first() - of the trains as many as go in one call, cut here if it must be;
 * trains that left, or the error of the first and how much of it did not leave */
static int send_first(struct udp *u, const struct udp_out *out, unsigned count,
		      uint64_t *left)
{
	int r = -EOPNOTSUPP;

	if (count > UDP_BATCH_MAX)
		count = UDP_BATCH_MAX;
	if (u->gso || !is_train(out))
		r = send_run(u, out, u->gso ? count : 1);
	if (r >= 0)
		return r;
	*left = udp_datagrams(out);
	if (!cannot_gso(out, -r))
		return r;
	if (r == -EIO || r == -EOPNOTSUPP)
		u->gso = false; /* the device cannot: for good */
	r = send_cut(u, out, left);
	return r < 0 ? r : 1;
}

int udp_send(struct udp *u, const struct udp_out *out, unsigned count,
	     unsigned *sent)
{
	uint64_t left;

	*sent = 0;
	while (*sent < count) {
		int r = send_first(u, out + *sent, count - *sent, &left);

		if (r < 0)
			return r;
		*sent += (unsigned)r;
	}
	return 0;
}

uint64_t udp_send_all(struct udp *u, const struct udp_out *out, unsigned count)
{
	uint64_t lost = 0, left;

	while (count) {
		int r = send_first(u, out, count, &left);
		unsigned done = r < 0 ? 1 : (unsigned)r;

		lost += r < 0 ? left : 0;
		out += done;
		count -= done;
	}
	return lost;
}
