/* SPDX-License-Identifier: MIT
 *
 * net.h - a coordination server and nodes on one loop over loopback, for tests
 */
#pragma once

#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/rand.h"
#include "coord/client.h"
#include "coord/enrol.h"
#include "coord/server.h"

struct net {
	struct loop loop;
	struct loop_timer limit;
	char dir[64];
	uint16_t port;
	char db[96], cert[96], key[96];
	struct registry *registry;
	struct server *server;
	struct key_private private_key;
	struct key_public public_key;
	struct sign_private sign;
	bool late;
};

struct node {
	struct net *net;
	const char *host; /* NULL: by address */
	struct coord_client *client;
	struct key_private machine;
	struct coord_client_params p;
	struct netmap map;
	bool connected, refused, joined, left;
	unsigned maps, tokens, signals;
	char why[256];
	uint8_t last_signal[1200];
	size_t last_signal_n;
	struct key_public last_from;
};

static inline void net_late(struct loop_timer *t, nsec_t now)
{
	struct net *n = container_of(t, struct net, limit);

	(void)now;
	n->late = true;
	loop_stop(&n->loop);
}

static inline void net_start_server(struct net *n)
{
	char why[256];
	struct server_params p = {
		.loop = &n->loop,
		.cert_path = n->cert, .key_path = n->key,
		.key = &n->private_key, .sign = &n->sign, .network = 77,
	};

	p.listen.ip = ipaddr_v4(0x7f000001);
	p.listen.port = n->port;
	n->registry = registry_open(n->db, why);
	assert_non_null(n->registry);
	p.registry = n->registry;
	assert_true(prefix_parse("100.90.0.0/16", &p.overlay[0]));
	assert_true(prefix_parse("fd00:1::/48", &p.overlay[1]));
	n->server = server_new(&p, why);
	if (!n->server)
		fail_msg("%s", why);
	n->port = server_port(n->server);
}

static inline void net_stop_server(struct net *n)
{
	server_free(n->server);
	registry_close(n->registry);
	n->server = NULL;
	n->registry = NULL;
}

static inline void net_init(struct net *n)
{
	struct sign_public unused;

	memset(n, 0, sizeof(*n));
	assert_int_equal(key_setup(), 0);
	strcpy(n->dir, "/tmp/adit-test-coord-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	snprintf(n->db, sizeof(n->db), "%s/db", n->dir);
	snprintf(n->cert, sizeof(n->cert), "%s/cert.pem", n->dir);
	snprintf(n->key, sizeof(n->key), "%s/key.pem", n->dir);
	key_private_generate(&n->private_key);
	key_public_of(&n->private_key, &n->public_key);
	sign_generate(&n->sign, &unused);
	assert_int_equal(loop_init(&n->loop), 0);
	assert_int_equal(loop_timer_init(&n->loop, &n->limit, net_late), 0);
}

static inline void net_done(struct net *n)
{
	static const char *const names[] = { "db", "db-wal", "db-shm",
					     "cert.pem", "key.pem", "map" };
	char path[128];

	if (n->server)
		net_stop_server(n);
	loop_timer_done(&n->limit);
	loop_done(&n->loop);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", n->dir, names[i]);
		unlink(path);
	}
	rmdir(n->dir);
}

/* One turn of the loop after another until done() says so; false: 10 s are over. */
static inline bool net_run(struct net *n, bool (*done)(void *), void *arg)
{
	n->late = false;
	loop_timer_at(&n->limit, nsec_add(time_now(), SEC(10)));
	while (!n->late && !done(arg))
		loop_turn(&n->loop);
	return !n->late;
}

static inline void net_invite(struct net *n, bool reusable, uint64_t expires_s,
			      uint8_t secret[static INVITE_SECRET_OCTETS])
{
	struct registry_invite i = { .reusable = reusable, .expires_s = expires_s,
				     .tags = "" };

	rand_bytes(secret, INVITE_SECRET_OCTETS);
	enrol_invite_hash(secret, i.hash);
	assert_int_equal(registry_invite_add(n->registry, &i), 0);
}

static inline void node_state(void *owner, bool connected, const char *why)
{
	struct node *d = owner;

	d->connected = connected;
	snprintf(d->why, sizeof(d->why), "%s", why);
}

static inline void node_joined(void *owner)
{
	struct node *d = owner;

	d->joined = true;
}

static inline void node_refused(void *owner, const char *why)
{
	struct node *d = owner;

	d->refused = true;
	snprintf(d->why, sizeof(d->why), "%s", why);
}

static inline void node_map(void *owner)
{
	struct node *d = owner;

	d->maps++;
}

static inline void node_token(void *owner, const uint8_t *t, size_t n)
{
	struct node *d = owner;

	(void)t;
	(void)n;
	d->tokens++;
}

static inline void node_signal(void *owner, const struct key_public *from,
			       const uint8_t *m, size_t n)
{
	struct node *d = owner;

	d->signals++;
	d->last_from = *from;
	d->last_signal_n = n;
	memcpy(d->last_signal, m, n);
}

static inline void node_init(struct node *d, struct net *n, const char *name,
			     const uint8_t *secret)
{
	struct key_private tunnel;

	memset(d, 0, sizeof(*d));
	d->net = n;
	netmap_init(&d->map);
	key_private_generate(&d->machine);
	key_private_generate(&tunnel);
	key_public_of(&tunnel, &d->p.tunnel);
	d->p.loop = &n->loop;
	d->p.machine = &d->machine;
	d->p.server = n->public_key;
	d->p.netmap = &d->map;
	d->p.owner = d;
	d->p.state_changed = node_state;
	d->p.joined = node_joined;
	d->p.refused = node_refused;
	d->p.netmap_changed = node_map;
	d->p.token = node_token;
	d->p.signal = node_signal;
	snprintf(d->p.hostname, sizeof(d->p.hostname), "%s", name);
	memcpy(d->p.invite_secret, secret, INVITE_SECRET_OCTETS);
}

static inline void node_start(struct node *d)
{
	snprintf(d->p.url, sizeof(d->p.url), "https://%s:%u",
		 d->host ? d->host : "127.0.0.1", d->net->port);
	d->p.enrolled = d->joined;
	d->client = coord_client_new(&d->p);
	assert_non_null(d->client);
}

static inline void node_stop(struct node *d)
{
	coord_client_free(d->client);
	d->client = NULL;
	d->connected = false;
}

static inline void node_done(struct node *d)
{
	node_stop(d);
	netmap_done(&d->map);
}
