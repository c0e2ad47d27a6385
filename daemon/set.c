/* SPDX-License-Identifier: MIT
 *
 * set.c - `adit set`: what this machine decides for itself, kept in node.json
 */
#include "daemon/set.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/value.h"
#include "daemon/network.h"
#include "daemon/routes.h"

static bool keep(struct node *n, char why[static SET_WHY])
{
	int err = state_save(&n->state);

	if (err)
		snprintf(why, SET_WHY, "node.json cannot be written (%s); make "
			 "room and try again", strerror(-err));
	return !err;
}

static bool read_offers(const struct node *n, const char *value, struct prefix *out,
			unsigned *count, char why[static SET_WHY])
{
	char wrong[VALUE_WHY], refusal[ROUTES_WHY];

	*count = 0;
	if (!*value)
		return true;
	if (!value_prefixes(value, out, NETMAP_ROUTES_MAX, count, wrong)) {
		snprintf(why, SET_WHY, "advertise-routes: %s", wrong);
		return false;
	}
	for (unsigned i = 0; i < *count; i++)
		if (routes_offer_refused(n, &out[i], refusal)) {
			snprintf(why, SET_WHY, "%s", refusal);
			return false;
		}
	return true;
}

static bool set_offers(struct node *n, const char *value, char why[static SET_WHY])
{
	struct prefix offers[NETMAP_ROUTES_MAX];
	struct state before = n->state;
	unsigned count;
	bool ok = read_offers(n, value, offers, &count, why);

	if (ok) {
		memcpy(n->state.offers, offers, count * sizeof(*offers));
		n->state.offer_count = count;
		ok = keep(n, why);
		if (!ok)
			n->state = before;
	}
	secret_wipe(&before, sizeof(before));
	if (ok && n->coord)
		coord_client_offer(n->coord, n->state.offers, count);
	return ok;
}

static bool set_accept(struct node *n, const char *value, char why[static SET_WHY])
{
	bool before = n->state.accept_routes;

	if (strcmp(value, "on") && strcmp(value, "off")) {
		snprintf(why, SET_WHY, "accept-routes: '%.32s' is neither on nor "
			 "off", value);
		return false;
	}
	n->state.accept_routes = !strcmp(value, "on");
	if (!keep(n, why)) {
		n->state.accept_routes = before;
		return false;
	}
	network_apply(n, time_now());
	return true;
}

static const struct {
	const char *name;
	bool (*set)(struct node *n, const char *value, char why[static SET_WHY]);
} rows[] = {
	{ "advertise-routes", set_offers },
	{ "accept-routes", set_accept },
};

bool set_apply(struct node *n, const char *name, const char *value,
	       char why[static SET_WHY])
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(name, rows[i].name))
			return rows[i].set(n, value, why);
	snprintf(why, SET_WHY, "there is no setting '%.32s'; there are "
		 "advertise-routes and accept-routes", name);
	return false;
}
