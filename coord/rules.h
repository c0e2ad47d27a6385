/* SPDX-License-Identifier: MIT
 *
 * rules.h - what one node lets in: the policy as compiled for it, in the netmap
 *
 * Sources are named (a tag, a node) and resolved by the node that enforces them: a
 * member that comes or goes changes the peers' records, never the rules. So a join into
 * a network with 10,000 rules costs each node one record.
 *
 * Form: {"sources": [[SELECTOR..]..], "nets": [[PREFIX..]..],
 *        "allow": "source,net,protocol,first,last;..."}
 * SELECTOR is "any", "tag:T", "node:N" or a prefix. net is -1 for the node's own
 * addresses, else a list of nets behind it. protocol 0 is every one, 1 is ICMP and
 * ICMPv6; first and last bound the ports of TCP and UDP. What is not allowed is denied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"

struct json_t;

enum {
	RULES_NAME = 64, /* DNS label with NUL */
	RULES_LISTS_MAX = 32768,
	RULES_SELECTORS_MAX = 131072, /* of all lists together */
	RULES_ALLOW_MAX = 65536,
	RULES_OWN = -1, /* net: the node's own addresses */
	RULES_ANY = 0, /* protocol: every one */
	RULES_ICMP = 1, /* protocol: ICMP in either family */
};

enum rules_kind {
	RULES_SELECT_ANY, /* every node */
	RULES_SELECT_TAG,
	RULES_SELECT_NODE,
	RULES_SELECT_NET,
};

struct rules_selector {
	enum rules_kind kind;
	char name[RULES_NAME]; /* TAG, NODE */
	struct prefix net; /* NET */
};

struct rules_list {
	struct rules_selector *s; /* heap */
	unsigned count;
	uint64_t hash; /* of the content, for a quick "differs" */
};

struct rules_allow {
	uint32_t source; /* index into sources */
	int32_t net; /* index into nets, or RULES_OWN */
	uint8_t protocol;
	uint16_t first, last;
};

struct rules {
	struct rules_list *sources, *nets;
	unsigned source_count, net_count;
	struct rules_allow *allow;
	unsigned allow_count;
};

/* Who a selector is asked about. */
struct rules_node {
	const char *name; /* "": none */
	const char *tags; /* "web,db" or NULL */
	struct ipaddr v4, v6; /* zero: none */
	const struct prefix *routes;
	unsigned route_count;
	const struct rules_node *guests; /* stock machines that it serves */
	unsigned guest_count;
};

/* rules_selects() - does it mean this node by name, tag or as one of all? */
bool rules_selects(const struct rules_selector *s, const struct rules_node *n);
/* rules_list_selects() - by any of its selectors, or is an own address in a net? */
bool rules_list_selects(const struct rules_list *l, const struct rules_node *n);
/* rules_list_touches() - the same, or a net that lies behind the node */
bool rules_list_touches(const struct rules_list *l, const struct rules_node *n);
/* rules_has_tag() - is it one of "web,db"? takes NULL tags */
bool rules_has_tag(const char *tags, const char *tag);

/* rules_list_add() - 0 or -ENOMEM */
must_check int rules_list_add(struct rules_list *l, const struct rules_selector *s);
bool rules_list_eq(const struct rules_list *a, const struct rules_list *b);
void rules_list_done(struct rules_list *l);

/* rules_selector_text() - as in the form above */
const char *rules_selector_text(const struct rules_selector *s, char out[static 80]);

/* rules_json() - a new reference; NULL: no memory */
struct json_t *rules_json(const struct rules *r);
/**
 * rules_read() - Untrusted; a malformed list is empty, a malformed allow is left out:
 *                what cannot be read allows nothing
 * @skipped: Grows by what was left out
 * Return: heap; NULL: no memory
 */
must_check struct rules *rules_read(const struct json_t *o, unsigned *skipped);
must_check struct rules *rules_copy(const struct rules *r); /* NULL: no memory */
void rules_free(struct rules *r); /* takes NULL */
