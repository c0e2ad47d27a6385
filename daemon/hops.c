/* SPDX-License-Identifier: MIT
 *
 * hops.c - the routers between us and a server, asked once in a network
 *
 * A socket for each TTL: ICMP quotes too little of a packet to tell by more than its ports
 * which one it was. The kernel hands what ICMP says to the socket's error queue (ip(7)).
 */
#include "daemon/hops.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/rand.h"
#include "daemon/discovery.h"
#include "traversal/stun.h"

enum {
	FILLER = 72, /* octets: a request is no shorter than its answer */
	READS = 4, /* of one socket in one turn */
};

struct rung {
	struct hops *hops;
	struct udp udp;
	struct loop_watch watch;
	bool open;
};

struct hops {
	struct node *node;
	struct ladder ladder;
	struct rung rung[LADDER_RUNGS];
	struct endpoint server;
	struct loop_timer timer;
	struct ladder_result result;
	bool known;
};

static void close_all(struct hops *h)
{
	for (unsigned i = 0; i < LADDER_RUNGS; i++) {
		struct rung *r = &h->rung[i];

		if (!r->open)
			continue;
		loop_watch_del(&r->watch);
		udp_close(&r->udp);
		r->open = false;
	}
}

static void run(struct hops *h, nsec_t now);

/* ---- what comes back ---- */

/* take_error() - true: there may be more in the queue */
static bool take_error(struct rung *r, unsigned ttl)
{
	uint8_t data[64];
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = sizeof(control) };

	if (recvmsg(r->udp.fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct sock_extended_err e;
		struct sockaddr_storage ss = { 0 };
		struct endpoint hop;

		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR ||
		    c->cmsg_len < CMSG_LEN(sizeof(e) + sizeof(struct sockaddr_in)))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		memcpy(&ss, CMSG_DATA(c) + sizeof(e), sizeof(struct sockaddr_in));
		if (e.ee_origin == SO_EE_ORIGIN_ICMP && e.ee_type == ICMP_TIME_EXCEEDED &&
		    endpoint_from_sockaddr(&ss, &hop))
			ladder_hop(&r->hops->ladder, ttl, &hop.ip);
	}
	return true;
}

static void on_ready(struct loop_watch *w, nsec_t now)
{
	struct rung *r = container_of(w, struct rung, watch);
	unsigned ttl = (unsigned)(r - r->hops->rung) + 1;
	uint8_t m[STUN_MAX];
	struct udp_in in = { .data = m, .room = sizeof(m) };

	for (unsigned i = 0; i < READS && take_error(r, ttl); i++)
		;
	/* A pending error is returned by a receive first. */
	for (unsigned i = 0; i < READS; i++)
		if (udp_recv(&r->udp, &in, 1) == 1 &&
		    endpoint_eq(&in.from, &r->hops->server))
			ladder_end(&r->hops->ladder, ttl);
	run(r->hops, now);
}

/* ---- what goes out ---- */

static bool open_rung(struct hops *h, struct rung *r)
{
	struct udp_params p = { .mark = h->node->conf.mark };
	int one = 1;

	if (r->open)
		return true;
	r->hops = h;
	if (udp_open(&r->udp, &p) < 0)
		return false;
	if (setsockopt(r->udp.fd, IPPROTO_IP, IP_RECVERR, &one, sizeof(one)) < 0 ||
	    loop_watch_add(&h->node->loop, &r->watch, r->udp.fd, on_ready) < 0) {
		udp_close(&r->udp);
		return false;
	}
	r->open = true;
	return true;
}

static void ask(struct hops *h, unsigned ttl)
{
	struct stun_message m = { .class = STUN_REQUEST, .filler = FILLER };
	struct rung *r = &h->rung[ttl - 1];
	uint8_t buf[STUN_MAX];
	struct udp_out o = { .to = h->server, .data = buf, .ttl = (uint8_t)ttl };
	unsigned sent;

	rand_bytes(m.txid.b, sizeof(m.txid.b));
	o.n = stun_write(&m, buf);
	/* what an earlier packet met may be returned here: the next try is due */
	if (open_rung(h, r) && udp_send(&r->udp, &o, 1, &sent) < 0)
		drop_count(&h->node->drops, DROP_UDP_SEND);
}

static void run(struct hops *h, nsec_t now)
{
	unsigned ttl;

	if (ladder_done(&h->ladder))
		return;
	while (ladder_poll(&h->ladder, &ttl, now))
		ask(h, ttl);
	loop_timer_at(&h->timer, ladder_next(&h->ladder));
	if (!ladder_done(&h->ladder))
		return;
	close_all(h);
	h->result = ladder_result(&h->ladder);
	h->known = true;
	if (h->node->nat.known) /* else it is about to be told */
		discovery_local_changed(h->node, now);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	run(container_of(t, struct hops, timer), now);
}

/* ---- what the node tells ---- */

void hops_look(struct node *n, const struct endpoint *server, nsec_t now)
{
	struct hops *h = n->hops;

	if (!h || h->known || !ladder_done(&h->ladder) || nat64_here() ||
	    !ipaddr_is_v4(&server->ip))
		return;
	h->server = *server;
	ladder_start(&h->ladder, now);
	run(h, now);
}

void hops_forget(struct node *n)
{
	struct hops *h = n->hops;

	if (!h)
		return;
	ladder_stop(&h->ladder);
	close_all(h);
	h->known = false;
	h->result = (struct ladder_result){ 0 };
}

struct ladder_result hops_result(const struct node *n)
{
	return n->hops ? n->hops->result : (struct ladder_result){ 0 };
}

int hops_start(struct node *n)
{
	struct hops *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->node = n;
	if (loop_timer_init(&n->loop, &h->timer, on_timer)) {
		free(h);
		return -ENOMEM;
	}
	n->hops = h;
	return 0;
}

void hops_stop(struct node *n)
{
	struct hops *h = n->hops;

	if (!h)
		return;
	n->hops = NULL;
	close_all(h);
	loop_timer_done(&h->timer);
	free(h);
}
