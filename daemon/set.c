/* SPDX-License-Identifier: MIT
 *
 * set.c - adit set KEY VALUE: settings of a running node, one row per key
 */
#include "daemon/set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"
#include "coord/name.h"
#include "daemon/exitnode.h"
#include "daemon/network.h"
#include "daemon/peerrelay.h"
#include "daemon/routes.h"

struct row {
	const char *key;
	/* apply() - check the value and put it into n->state; 0 or -EINVAL and why */
	int (*apply)(struct node *n, const char *value,
		     char why[static SET_WHY]);
};

static int apply_hostname(struct node *n, const char *value,
			  char why[static SET_WHY])
{
	if (!name_valid(value)) {
		snprintf(why, SET_WHY, "hostname: a name is one DNS label: a-z, "
			 "0-9 and -, 63 at most");
		return -EINVAL;
	}
	if (n->state.enrolled) {
		snprintf(why, SET_WHY, "hostname: the network knows this node by "
			 "its name already; adit leave, then join under the "
			 "new one");
		return -EINVAL;
	}
	snprintf(n->state.hostname, sizeof(n->state.hostname), "%s", value);
	return 0;
}

static int apply_offers(struct node *n, const char *value, char why[static SET_WHY])
{
	struct prefix offers[ROUTES_OFFERS_MAX];
	char wrong[VALUE_WHY], refusal[ROUTES_WHY];
	unsigned count = 0;

	if (*value && !value_prefixes(value, offers, ROUTES_OFFERS_MAX, &count,
				      wrong)) {
		snprintf(why, SET_WHY, "advertise-routes: %s", wrong);
		return -EINVAL;
	}
	for (unsigned i = 0; i < count; i++)
		if (routes_offer_refused(n, &offers[i], refusal)) {
			snprintf(why, SET_WHY, "%s", refusal);
			return -EINVAL;
		}
	memcpy(n->state.offers, offers, count * sizeof(*offers));
	n->state.offer_count = count;
	routes_tell_offer(n);
	return 0;
}

static int read_switch(const char *key, const char *value, bool *out,
		       char why[static SET_WHY])
{
	*out = !strcmp(value, "on");
	if (*out || !strcmp(value, "off"))
		return 0;
	snprintf(why, SET_WHY, "%s: '%.32s' is neither on nor off", key, value);
	return -EINVAL;
}

static int apply_accept(struct node *n, const char *value, char why[static SET_WHY])
{
	bool on;

	if (read_switch("accept-routes", value, &on, why))
		return -EINVAL;
	n->state.accept_routes = on;
	network_apply(n, time_now());
	return 0;
}

static int apply_advertise_exit(struct node *n, const char *value,
				char why[static SET_WHY])
{
	bool on;

	if (read_switch("advertise-exit", value, &on, why))
		return -EINVAL;
	if (on && n->state.exit_id) {
		snprintf(why, SET_WHY, "advertise-exit: this machine sends all to "
			 "%s itself; first: adit set exit-node off",
			 n->state.exit_name);
		return -EINVAL;
	}
	n->state.advertise_exit = on;
	routes_tell_offer(n);
	return 0;
}

static int apply_exit_node(struct node *n, const char *value,
			   char why[static SET_WHY])
{
	return exitnode_choose(n, value, why) ? 0 : -EINVAL;
}

static int apply_relay(struct node *n, const char *value, char why[static SET_WHY])
{
	if (!peerrelay_setting(value, &n->state.relay)) {
		snprintf(why, SET_WHY, "relay: '%.32s' is none of on, off and auto",
			 value);
		return -EINVAL;
	}
	peerrelay_retry(n, time_now());
	return 0;
}

static const struct row rows[] = {
	{ "hostname", apply_hostname },
	{ "advertise-routes", apply_offers },
	{ "accept-routes", apply_accept },
	{ "advertise-exit", apply_advertise_exit },
	{ "exit-node", apply_exit_node },
	{ "relay", apply_relay },
};

static void list_keys(const char *key, char why[static SET_WHY])
{
	int at = snprintf(why, SET_WHY, "no setting is called %.64s; there are:",
			  key);

	for (size_t i = 0; i < ARRAY_SIZE(rows) && at < SET_WHY; i++)
		at += snprintf(why + at, (size_t)(SET_WHY - at), " %s",
			       rows[i].key);
}

int set_key(struct node *n, const char *key, const char *value,
	    char why[static SET_WHY])
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int err;

		if (strcmp(rows[i].key, key))
			continue;
		err = rows[i].apply(n, value, why);
		if (err)
			return err;
		err = state_save(&n->state);
		if (err)
			snprintf(why, SET_WHY, "%s is in effect, but node.json "
				 "cannot be written: %s", key, strerror(-err));
		return err;
	}
	list_keys(key, why);
	return -ENOENT;
}
