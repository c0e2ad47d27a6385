/* SPDX-License-Identifier: MIT
 *
 * admission.c - our admission to relays, kept over restarts (glue)
 */
#include "daemon/admission.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "daemon/relays.h"
#include "relay/token.h"

/* A server that lives has refused a copy by then (coord/server.c). */
static const nsec_t server_patience = MSEC(1500);

static const char *file_of(const struct node *n, char path[static PATH_MAX])
{
	return state_path(&n->state, "relay.token", path);
}

static void on_recall(struct loop_timer *t, nsec_t now)
{
	struct node *n = container_of(t, struct node, recall);

	(void)now;
	if (!n->coord_connected)
		admission_recall(n);
}

int admission_init(struct node *n)
{
	int err = loop_timer_init(&n->loop, &n->recall, on_recall);

	if (!err)
		loop_timer_at(&n->recall, nsec_add(time_now(), server_patience));
	return err;
}

void admission_set(struct node *n, const uint8_t *token, size_t octets)
{
	char path[PATH_MAX];
	int err = file_replace(file_of(n, path), token, octets, 0600);

	if (err)
		log_warn("relay.token: %s; a restart without the server will have "
			 "no relay", strerror(-err));
	relays_set_token(n, token, octets, time_now());
}

void admission_recall(struct node *n)
{
	char path[PATH_MAX], *token;
	size_t octets;

	if (!n->state.enrolled || n->token_n ||
	    file_read_secret(file_of(n, path), RELAY_TOKEN_MAX, &token, &octets))
		return;
	if (octets == TOKEN_OCTETS)
		relays_set_token(n, (const uint8_t *)token, octets, time_now());
	secret_wipe(token, octets);
	free(token);
}

void admission_forget(struct node *n)
{
	char path[PATH_MAX];

	unlink(file_of(n, path));
	relays_abandon(n, time_now());
}
