/* SPDX-License-Identifier: MIT
 *
 * ikeport.c - the local port that many hard NATs leave as it is
 */
#include "daemon/ikeport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/discovery.h"
#include "traversal/natcheck.h"

enum {
	IKE_PORT = 500, /* RFC 7296 section 2 */
	READS = 16, /* of one turn */
};

enum step {
	UNTRIED,
	TRYING,
	IN_USE,
	NO_USE, /* in this network */
};

struct ikeport {
	struct node *node;
	enum step step;
	struct udp udp; /* TRYING */
	struct loop_watch watch;
	struct loop_timer timer;
	struct natcheck *check;
};

static void end_try(struct ikeport *k, enum step step)
{
	if (k->step == TRYING) {
		loop_watch_del(&k->watch);
		loop_timer_at(&k->timer, NSEC_NEVER);
		udp_close(&k->udp);
		natcheck_free(k->check);
		k->check = NULL;
	}
	k->step = step;
}

/* ---- the try ---- */

static void judge(struct ikeport *k, nsec_t now)
{
	bool changed;
	struct natcheck_report r = *natcheck_report(k->check, &changed);
	bool easy = r.udp && r.profile.known && !r.profile.mapping_varies;
	char text[ADDR_TEXT];

	end_try(k, easy ? IN_USE : NO_USE);
	if (!easy) {
		log_debug("port %d is mapped like any other here", IKE_PORT);
		return;
	}
	log_info("this NAT leaves UDP port %d as it is: we are %s from now on", IKE_PORT,
		 endpoint_text(&r.reflexive, text));
	discovery_renew_ipv4(k->node, now);
}

static void run(struct ikeport *k, nsec_t now)
{
	struct natcheck_send out;
	unsigned sent;

	while (natcheck_poll(k->check, &out, now)) {
		struct udp_out o = { .to = out.to, .data = out.message, .n = out.n,
				     .ttl = out.ttl };

		if (out.sample || out.aux || !ipaddr_is_v4(&out.to.ip))
			continue; /* what other sockets see is known already */
		if (udp_send(&k->udp, &o, 1, &sent) < 0)
			drop_count(&k->node->drops, DROP_UDP_SEND);
	}
	if (natcheck_running(k->check))
		loop_timer_at(&k->timer, natcheck_next_expiry(k->check));
	else
		judge(k, now);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	struct ikeport *k = container_of(t, struct ikeport, timer);

	if (k->step == TRYING)
		run(k, now);
}

static void on_ready(struct loop_watch *w, nsec_t now)
{
	struct ikeport *k = container_of(w, struct ikeport, watch);
	uint8_t m[STUN_MAX];
	struct udp_in in = { .data = m, .room = sizeof(m) };

	for (unsigned i = 0; i < READS && udp_recv(&k->udp, &in, 1) == 1; i++) {
		enum drop d = in.truncated ?
				      DROP_STUN_MALFORMED :
				      natcheck_input(k->check, m, in.n, &in.from, now);

		if (d != DROP_NONE)
			drop_count(&k->node->drops, d);
	}
	run(k, now);
}

static void set_servers(struct ikeport *k, nsec_t now)
{
	struct endpoint s[NATCHECK_SERVERS_MAX];
	unsigned count;
	struct ipaddr host[1] = { 0 };

	count = discovery_stun_servers(k->node, s, false);
	natcheck_set_servers(k->check, s, count, now);
	natcheck_set_local(k->check, host, 0, k->udp.port, 0, now);
}

static void try_it(struct ikeport *k, nsec_t now)
{
	struct udp_params p = { .local.port = IKE_PORT, .mark = k->node->conf.mark,
				.nat64 = nat64_here() };

	k->step = NO_USE;
	if (udp_open(&k->udp, &p) < 0)
		return; /* taken, or we may not */
	k->check = natcheck_new(rand_u64());
	if (!k->check ||
	    loop_watch_add(&k->node->loop, &k->watch, k->udp.fd, on_ready) < 0) {
		natcheck_free(k->check);
		k->check = NULL;
		udp_close(&k->udp);
		return;
	}
	k->step = TRYING;
	set_servers(k, now);
	natcheck_start(k->check, true, now);
	run(k, now);
}

/* ---- what the node tells ---- */

void ikeport_consider(struct node *n, nsec_t now)
{
	struct ikeport *k = n->ikeport;

	if (k && k->step == UNTRIED && n->conf.ike_port && n->nat.known &&
	    n->nat.mapping_varies)
		try_it(k, now);
}

void ikeport_network_changed(struct node *n, nsec_t now)
{
	struct ikeport *k = n->ikeport;
	bool moved = k && k->step == IN_USE;

	if (!k)
		return;
	end_try(k, UNTRIED);
	if (moved)
		discovery_renew_ipv4(n, now);
}

uint16_t ikeport_in_use(const struct node *n)
{
	return n->ikeport && n->ikeport->step == IN_USE ? IKE_PORT : 0;
}

int ikeport_start(struct node *n)
{
	struct ikeport *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->node = n;
	if (loop_timer_init(&n->loop, &k->timer, on_timer)) {
		free(k);
		return -ENOMEM;
	}
	n->ikeport = k;
	return 0;
}

void ikeport_stop(struct node *n)
{
	struct ikeport *k = n->ikeport;

	if (!k)
		return;
	n->ikeport = NULL;
	end_try(k, NO_USE);
	loop_timer_done(&k->timer);
	free(k);
}
