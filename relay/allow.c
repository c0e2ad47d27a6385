/* SPDX-License-Identifier: MIT
 *
 * allow.c - whom a relay's operator lets in, beside what the token says
 */
#include "relay/allow.h"

bool allow_from(struct allow *a, const char *text)
{
	if (a->from_count == ALLOW_PREFIXES ||
	    !prefix_parse(text, &a->from[a->from_count]))
		return false;
	a->from_count++;
	return true;
}

bool allow_node(struct allow *a, const char *text)
{
	if (a->node_count == ALLOW_NODES ||
	    !key_public_parse(text, &a->nodes[a->node_count]))
		return false;
	a->node_count++;
	return true;
}

static bool is_from(const struct allow *a, const struct ipaddr *from)
{
	for (unsigned i = 0; i < a->from_count; i++)
		if (prefix_contains(&a->from[i], from))
			return true;
	return !a->from_count;
}

static bool is_named(const struct allow *a, const struct key_public *node)
{
	for (unsigned i = 0; i < a->node_count; i++)
		if (key_public_eq(&a->nodes[i], node))
			return true;
	return !a->node_count;
}

bool allow_admits(const struct allow *a, const struct key_public *node,
		  const struct ipaddr *from)
{
	return is_from(a, from) && is_named(a, node);
}
