/* SPDX-License-Identifier: MIT
 *
 * guests.c - stock WireGuard machines in the network, each served by one node
 */
#include "coord/guests.h"

#include <errno.h>
#include <string.h>

#include "coord/enrol.h"
#include "coord/name.h"
#include "crypto/blake2s.h"

static const char database[] = "the database refused; see the server's log and its "
			       "disk";

static struct member *by_id(const struct members *m, uint64_t id)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->all[i]->row.id == id)
			return m->all[i];
	return NULL;
}

static void tie(struct members *m, struct member *n, struct member *gateway)
{
	n->gateway = gateway;
	n->node.gateway = gateway->row.id;
	gateway->guests++;
	m->guests++;
}

static void load_one(void *owner, uint64_t node, uint64_t gateway)
{
	struct members *m = owner;
	struct member *n = by_id(m, node), *g = by_id(m, gateway);

	if (n && g)
		tie(m, n, g);
}

int guests_load(struct members *m)
{
	return registry_each_guest(m->registry, load_one, m) ? -EIO : 0;
}

/* no_machine() - in the machine key's place: nobody knows the private key to a hash */
static void no_machine(struct registry_node *row)
{
	static const uint8_t label[] = "adit guest 1";

	blake2s_keyed(row->machine.b, KEY_OCTETS, label, sizeof(label) - 1,
		      row->tunnel.b, KEY_OCTETS);
}

/* add_row() - in a transaction */
static const char *add_row(struct members *m, const struct member *gateway,
			   struct registry_node *row)
{
	if (!enrol_addresses(m, row))
		return "the overlay range has no free address; remove nodes or "
		       "choose a larger range";
	row->changed = members_next_version(m);
	if (!row->changed || registry_node_add(m->registry, row) ||
	    registry_guest_add(m->registry, row->id, gateway->row.id))
		return database;
	return NULL;
}

const char *guests_add(struct members *m, struct member *gateway,
		       struct registry_node *row, uint64_t now_s, struct member **out)
{
	const char *why;

	if (!name_valid(row->name))
		return "a name is one DNS label: a-z, 0-9 and -, 63 at most";
	if (members_by_name(m, row->name))
		return "there is a node of that name; choose another";
	if (members_by_tunnel(m, &row->tunnel))
		return "another node has this key";
	if (gateway->gateway)
		return "the gateway is a stock WireGuard itself; name a node";
	if (gateway->guests == GUESTS_OF_ONE_MAX)
		return "that gateway serves 64 machines already; name another";
	no_machine(row);
	row->created_s = now_s;
	if (registry_begin(m->registry))
		return database;
	why = add_row(m, gateway, row);
	if (!why && registry_commit(m->registry))
		why = database;
	if (why) {
		registry_rollback(m->registry);
		return why;
	}
	*out = members_add(m, row);
	if (!*out)
		return "out of memory";
	tie(m, *out, gateway);
	members_touch(m, gateway);
	members_changed(m, gateway, gateway->version); /* its rules, whom it sees */
	return NULL;
}

int guests_leave(struct members *m, const struct member *gateway)
{
	for (unsigned i = m->count; gateway->guests && i-- > 0;)
		if (m->all[i]->gateway == gateway &&
		    members_remove(m, m->all[i]) < 0)
			return -EIO;
	return 0;
}

const struct endpoint *guests_endpoint(const struct member *gateway)
{
	static const enum candidate_kind order[] = {
		CANDIDATE_PUBLIC, CANDIDATE_MAPPED, CANDIDATE_STATIC,
		CANDIDATE_REFLEXIVE, CANDIDATE_V6, CANDIDATE_LAN,
	};
	const struct candidate_list *l = &gateway->node.candidates;

	for (unsigned k = 0; k < ARRAY_SIZE(order); k++)
		for (unsigned i = 0; i < l->count; i++)
			if (l->c[i].kind == order[k])
				return &l->c[i].at;
	return NULL;
}
