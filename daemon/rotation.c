/* SPDX-License-Identifier: MIT
 *
 * rotation.c - a new tunnel key in the running node
 */
#include "daemon/rotation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/network.h"
#include "daemon/peer.h"
#include "daemon/relays.h"

#define DAY_S UINT64_C(86400)
#define FIRST_LOOK SEC(2) /* the server may have answered by then */
#define LOOK_AGAIN SEC(60) /* due, and not possible at the moment */
#define LOOK_MOST SEC(3600) /* the wall clock may be set */

static uint64_t wall_s(void)
{
	return time_wall() / SEC(1);
}

uint64_t rotation_left_s(uint64_t made_s, unsigned days, uint64_t now_s)
{
	uint64_t age = made_s < now_s ? now_s - made_s : 0;

	if (!days)
		return UINT64_MAX;
	return age < days * DAY_S ? days * DAY_S - age : 0;
}

static bool serves_guests(const struct node *n)
{
	for (unsigned i = 0; n->netmap.guest_count && i < n->netmap.peer_count; i++)
		if (n->netmap.peers[i].gateway == n->netmap.self.id)
			return true;
	return false;
}

const char *rotation_forbidden(const struct node *n)
{
	if (n->conf.have_private)
		return "the key is PrivateKey of the configuration; change it there, "
		       "then systemctl restart aditd";
	if (n->conf.peer_count)
		return "a [Peer] of the configuration knows this machine by its key; "
		       "without such peers it can be replaced";
	if (serves_guests(n))
		return "this machine is the gateway of a stock WireGuard, which knows "
		       "it by its key; adit-coord wg-peer list shows which";
	if (!n->up || !n->state.enrolled)
		return "this machine is in no network, or down; run adit up first";
	if (!n->coord_connected)
		return "the coordination server is not connected, so peers would not "
		       "learn the new key; try again when adit status shows it";
	return NULL;
}

static void free_peers(struct node *n)
{
	peers_save_now(n); /* where they are, for those that come in their place */
	while (n->peer_count)
		peer_free(n, n->peers[n->peer_count - 1]);
	peers_publish_routes(n);
}

/* use_key() - all that was made with the old key is made anew with the state's */
static void use_key(struct node *n, struct gate *gate)
{
	relays_close(n);
	free_peers(n);
	n->identity.private_key = n->state.tunnel;
	key_public_of(&n->identity.private_key, &n->identity.public_key);
	gate_free(n->gate);
	n->gate = gate;
	n->token_n = 0; /* it was for the old key; the server sends another */
	coord_client_set_tunnel_key(n->coord, &n->identity.public_key);
	network_apply(n, time_now());
}

/* keep_new() - a new key on disk, the gate for it; else all is as it was */
static int keep_new(struct node *n, struct gate **out)
{
	struct key_private old = n->state.tunnel;
	uint64_t since = n->state.tunnel_since_s;
	struct key_public public;
	int err = -ENOMEM;

	key_private_generate(&n->state.tunnel);
	n->state.tunnel_since_s = wall_s();
	key_public_of(&n->state.tunnel, &public);
	*out = gate_new(&public);
	if (*out)
		err = state_save(&n->state);
	if (err) {
		gate_free(*out);
		n->state.tunnel = old;
		n->state.tunnel_since_s = since;
	}
	key_private_wipe(&old);
	return err;
}

int rotation_now(struct node *n, char why[static ROTATION_WHY])
{
	const char *wrong = rotation_forbidden(n);
	struct gate *gate;
	int err;

	if (wrong) {
		snprintf(why, ROTATION_WHY, "%s", wrong);
		return -EINVAL;
	}
	err = keep_new(n, &gate);
	if (err) {
		snprintf(why, ROTATION_WHY, "node.json: %s; the old key stays: make "
			 "room and try again", strerror(-err));
		return err;
	}
	use_key(n, gate);
	log_info("tunnel key replaced");
	return 0;
}

static void on_rotation(struct loop_timer *t, nsec_t now)
{
	struct node *n = container_of(t, struct node, rotation);
	uint64_t left = rotation_left_s(n->state.tunnel_since_s, n->conf.rotate_days,
					wall_s());
	char why[ROTATION_WHY];

	if (!left && !rotation_forbidden(n) && rotation_now(n, why))
		log_warn("tunnel key: %s", why);
	left = left ? left : LOOK_AGAIN / SEC(1);
	loop_timer_at(t, nsec_add(now, left < LOOK_MOST / SEC(1) ? SEC(left) :
								   LOOK_MOST));
}

int rotation_start(struct node *n)
{
	int err = loop_timer_init(&n->loop, &n->rotation, on_rotation);

	if (!err && n->conf.rotate_days)
		loop_timer_at(&n->rotation, nsec_add(time_now(), FIRST_LOOK));
	return err;
}

void rotation_stop(struct node *n)
{
	loop_timer_done(&n->rotation);
}
