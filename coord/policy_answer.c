/* SPDX-License-Identifier: MIT
 *
 * policy_answer.c - what a policy says: its tests, the rules of a node, who sees whom
 */
#include "coord/policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/policy_lines.h"

/* ---- questions ---- */

static bool serves(const struct policy *p, const struct policy_line *l, uint8_t protocol,
		   uint16_t port)
{
	bool has_port = protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP;

	for (unsigned i = 0; i < l->service_count; i++) {
		const struct policy_service *s = &p->services[l->service + i];

		if (s->protocol == RULES_ANY ||
		    (s->protocol == protocol &&
		     (!has_port || (s->first <= port && port <= s->last))))
			return true;
	}
	return false;
}

bool policy_allows(const struct policy *p, const struct rules_node *a,
		   const struct rules_node *b, uint8_t protocol, uint16_t port)
{
	for (unsigned i = 0; i < p->rule_count; i++) {
		const struct policy_line *l = &p->rules[i];

		if (serves(p, l, protocol, port) &&
		    rules_list_selects(&p->lists[l->from], a) &&
		    rules_list_selects(&p->lists[l->to], b))
			return true;
	}
	return false;
}

/* subject() - the machine that a selector of a test means */
static struct rules_node subject(const struct rules_selector *s,
				 const struct rules_node *nodes, unsigned count)
{
	struct rules_node n = { .name = "" };

	if (s->kind == RULES_SELECT_TAG)
		n.tags = s->name;
	if (s->kind == RULES_SELECT_NODE)
		n.name = s->name;
	for (unsigned i = 0; i < count; i++)
		if ((s->kind == RULES_SELECT_NODE &&
		     !strcmp(nodes[i].name, s->name)) ||
		    (s->kind == RULES_SELECT_NET &&
		     (ipaddr_eq(&nodes[i].v4, &s->net.ip) ||
		      ipaddr_eq(&nodes[i].v6, &s->net.ip))))
			return nodes[i];
	if (s->kind == RULES_SELECT_NET && prefix_is_v4(&s->net))
		n.v4 = s->net.ip;
	else if (s->kind == RULES_SELECT_NET)
		n.v6 = s->net.ip;
	return n;
}

static const char *service_text(const struct policy_service *s, char out[static 32])
{
	if (s->protocol == PROTOCOL_TCP || s->protocol == PROTOCOL_UDP)
		snprintf(out, 32, "%s:%u",
			 s->protocol == PROTOCOL_TCP ? "tcp" : "udp", s->first);
	else if (s->protocol == RULES_ICMP)
		snprintf(out, 32, "icmp");
	else
		snprintf(out, 32, "proto:%u", s->protocol);
	return out;
}

static bool holds(const struct policy *p, const struct policy_line *l,
		  const struct rules_selector *a, const struct rules_selector *b,
		  const struct rules_node *nodes, unsigned count,
		  struct policy_error *why)
{
	struct rules_node from = subject(a, nodes, count);
	struct rules_node to = subject(b, nodes, count);
	char from_text[80], to_text[80], text[32];

	for (unsigned i = 0; i < l->service_count; i++) {
		const struct policy_service *s = &p->services[l->service + i];

		if (policy_allows(p, &from, &to, s->protocol, s->first) ==
		    l->accept)
			continue;
		why->line = l->number;
		snprintf(why->text, sizeof(why->text),
			 "the test fails: %s to %s on %s is %s",
			 rules_selector_text(a, from_text),
			 rules_selector_text(b, to_text), service_text(s, text),
			 l->accept ? "denied" : "allowed");
		return false;
	}
	return true;
}

bool policy_test(const struct policy *p, const struct rules_node *nodes,
		 unsigned count, struct policy_error *why)
{
	for (unsigned t = 0; t < p->test_count; t++) {
		const struct policy_line *l = &p->tests[t];
		const struct rules_list *from = &p->lists[l->from];
		const struct rules_list *to = &p->lists[l->to];

		for (unsigned i = 0; i < from->count; i++)
			for (unsigned k = 0; k < to->count; k++)
				if (!holds(p, l, &from->s[i], &to->s[k], nodes,
					   count, why))
					return false;
	}
	return true;
}

/* ---- for one node ---- */

struct compiling {
	const struct policy *p;
	const struct rules_node *node;
	struct rules *out;
	int32_t *source; /* by list of the policy: its number in out, or -1 */
	int32_t *net; /* the same for nets; -1: not yet, -2: none */
	uint8_t *own; /* does this list name the node? 0: not yet, 1: no, 2: yes */
};

static bool copy_list(const struct rules_list *from, bool nets_only,
		      struct rules_list *out)
{
	for (unsigned i = 0; i < from->count; i++)
		if ((!nets_only || from->s[i].kind == RULES_SELECT_NET) &&
		    rules_list_add(out, &from->s[i]))
			return false;
	return true;
}

static bool names_node(struct compiling *c, uint32_t list)
{
	if (!c->own[list])
		c->own[list] = rules_list_selects(&c->p->lists[list], c->node) ?
				       2 : 1;
	return c->own[list] == 2;
}

/* add_guests() - the addresses of the node's guests that this list means; false: no
 * memory */
static bool add_guests(const struct rules_node *node, const struct rules_list *l,
		       struct rules_list *out)
{
	for (unsigned i = 0; i < node->guest_count; i++) {
		const struct rules_node *g = &node->guests[i];
		struct rules_selector s[2] = {
			{ .kind = RULES_SELECT_NET, .net = prefix_make(g->v4, 32) },
			{ .kind = RULES_SELECT_NET, .net = prefix_make(g->v6, 128) },
		};

		if (rules_list_selects(l, g) && (rules_list_add(out, &s[0]) ||
						 rules_list_add(out, &s[1])))
			return false;
	}
	return true;
}

/* nets_behind() - the list's nets, if some lie behind the node, and guests */
static bool nets_behind(const struct rules_node *node, const struct rules_list *l,
			struct rules_list *out)
{
	const struct rules_node behind = { .name = "", .routes = node->routes,
					   .route_count = node->route_count };

	if (!copy_list(l, true, out))
		return false;
	if (!rules_list_touches(out, &behind)) {
		rules_list_done(out);
		*out = (struct rules_list){ 0 };
	}
	return add_guests(node, l, out) && out->count;
}

/* nets_of() - the number of a list's nets if some lie behind the node, else -2 */
static int32_t nets_of(struct compiling *c, uint32_t list)
{
	const struct rules_list *l = &c->p->lists[list];
	struct rules_list nets = { 0 };

	if (!c->node->route_count && !c->node->guest_count)
		return -2;
	if (c->net[list] != -1)
		return c->net[list];
	c->net[list] = -2;
	if (nets_behind(c->node, l, &nets)) {
		c->out->nets[c->out->net_count] = nets;
		c->net[list] = (int32_t)c->out->net_count++;
	} else {
		rules_list_done(&nets);
	}
	return c->net[list];
}

static bool source_of(struct compiling *c, uint32_t list, uint32_t *out)
{
	if (c->source[list] < 0) {
		if (!copy_list(&c->p->lists[list], false,
			       &c->out->sources[c->out->source_count]))
			return false;
		c->source[list] = (int32_t)c->out->source_count++;
	}
	*out = (uint32_t)c->source[list];
	return true;
}

static bool compile_line(struct compiling *c, const struct policy_line *l)
{
	const int32_t nets[2] = { names_node(c, l->to) ? RULES_OWN : -2,
				  nets_of(c, l->to) };
	uint32_t source;

	for (unsigned k = 0; k < 2; k++) {
		if (nets[k] == -2)
			continue;
		if (!source_of(c, l->from, &source))
			return false;
		for (unsigned i = 0; i < l->service_count; i++) {
			const struct policy_service *s = &c->p->services[l->service + i];

			c->out->allow[c->out->allow_count++] =
				(struct rules_allow){ source, nets[k],
						      s->protocol, s->first,
						      s->last };
		}
	}
	return true;
}

struct rules *policy_compile(const struct policy *p, const struct rules_node *node)
{
	struct compiling c = { .p = p, .node = node,
			       .out = calloc(1, sizeof(*c.out)) };
	unsigned n = p->list_count + 1;
	bool ok = c.out != NULL;

	c.source = malloc(n * sizeof(*c.source));
	c.net = malloc(n * sizeof(*c.net));
	c.own = calloc(n, 1);
	if (ok) {
		c.out->sources = calloc(n, sizeof(*c.out->sources));
		c.out->nets = calloc(n, sizeof(*c.out->nets));
		c.out->allow = calloc(2 * (size_t)p->service_count + 1,
				      sizeof(*c.out->allow));
	}
	ok = ok && c.source && c.net && c.own && c.out->sources && c.out->nets &&
	     c.out->allow;
	if (ok) {
		memset(c.source, 0xff, n * sizeof(*c.source));
		memset(c.net, 0xff, n * sizeof(*c.net));
	}
	for (unsigned i = 0; ok && i < p->rule_count; i++)
		ok = compile_line(&c, &p->rules[i]);
	free(c.source);
	free(c.net);
	free(c.own);
	if (ok)
		return c.out;
	rules_free(c.out);
	return NULL;
}

size_t policy_kind_words(const struct policy *p)
{
	return policy_row(p->list_count) + 1;
}

uint64_t *policy_kind(const struct policy *p, const struct rules_node *node)
{
	uint64_t *kind = calloc(policy_kind_words(p), sizeof(*kind));
	uint8_t *asked = calloc(p->list_count + 1, 1);

	for (unsigned i = 0; kind && asked && i < p->rule_count; i++) {
		uint32_t to = p->rules[i].to;

		if (!asked[to] && rules_list_selects(&p->lists[to], node))
			kind[to / 64] |= (uint64_t)1 << to % 64;
		asked[to] = 1;
	}
	if (!asked) {
		free(kind);
		kind = NULL;
	}
	free(asked);
	return kind;
}

/* ---- for all ---- */

static void mark(uint64_t *matrix, size_t row, const uint64_t *a, const uint64_t *b,
		 unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!policy_bit(a, i))
			continue;
		for (size_t w = 0; w < row; w++)
			matrix[i * row + w] |= b[w];
	}
}

/* members() - the nodes of a list as bits, found once */
static const uint64_t *members(const struct policy *p, uint32_t list, uint64_t **bits,
			       const struct rules_node *nodes, unsigned count)
{
	uint64_t *b;

	if (bits[list])
		return bits[list];
	b = calloc(policy_row(count) + 1, sizeof(*b));
	for (unsigned i = 0; b && i < count; i++)
		if (rules_list_touches(&p->lists[list], &nodes[i]))
			b[i / 64] |= (uint64_t)1 << i % 64;
	bits[list] = b;
	return b;
}

uint64_t *policy_matrix(const struct policy *p, const struct rules_node *nodes,
			unsigned count)
{
	size_t row = policy_row(count);
	uint64_t *matrix = calloc(row * count + 1, sizeof(*matrix));
	uint64_t **bits = calloc(p->list_count + 1, sizeof(uint64_t *));
	bool ok = matrix && bits;

	for (unsigned i = 0; ok && i < p->rule_count; i++) {
		const struct policy_line *l = &p->rules[i];
		const uint64_t *a = members(p, l->from, bits, nodes, count);
		const uint64_t *b = members(p, l->to, bits, nodes, count);

		ok = a && b;
		if (!ok)
			break;
		mark(matrix, row, a, b, count);
		mark(matrix, row, b, a, count);
	}
	for (unsigned i = 0; bits && i < p->list_count; i++)
		free(bits[i]);
	free(bits);
	if (ok)
		return matrix;
	free(matrix);
	return NULL;
}
