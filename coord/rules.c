/* SPDX-License-Identifier: MIT
 *
 * rules.c - what one node lets in: selectors, and the form in the netmap
 */
#include "coord/rules.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/name.h"

enum {
	ALLOW_TEXT = 40, /* octets of a rule as text, at most */
};

bool rules_has_tag(const char *tags, const char *tag)
{
	size_t n = strlen(tag);

	while (tags && *tags) {
		size_t k = strcspn(tags, ",");

		if (k == n && !memcmp(tags, tag, n))
			return true;
		tags += k + (tags[k] == ',');
	}
	return false;
}

bool rules_selects(const struct rules_selector *s, const struct rules_node *n)
{
	switch (s->kind) {
	case RULES_SELECT_ANY:
		return true;
	case RULES_SELECT_TAG:
		return rules_has_tag(n->tags, s->name);
	case RULES_SELECT_NODE:
		return !strcmp(n->name, s->name);
	case RULES_SELECT_NET:
		return false;
	}
	return false;
}

static bool owns(const struct rules_selector *s, const struct rules_node *n)
{
	return s->kind == RULES_SELECT_NET &&
	       ((!ipaddr_is_zero(&n->v4) && prefix_contains(&s->net, &n->v4)) ||
		(!ipaddr_is_zero(&n->v6) && prefix_contains(&s->net, &n->v6)));
}

static bool leads_to(const struct rules_selector *s, const struct rules_node *n)
{
	for (unsigned i = 0; s->kind == RULES_SELECT_NET && i < n->route_count; i++)
		if (prefix_overlaps(&s->net, &n->routes[i]))
			return true;
	return false;
}

bool rules_list_selects(const struct rules_list *l, const struct rules_node *n)
{
	for (unsigned i = 0; i < l->count; i++)
		if (rules_selects(&l->s[i], n) || owns(&l->s[i], n))
			return true;
	return false;
}

bool rules_list_touches(const struct rules_list *l, const struct rules_node *n)
{
	for (unsigned i = 0; i < l->count; i++)
		if (rules_selects(&l->s[i], n) || owns(&l->s[i], n) ||
		    leads_to(&l->s[i], n))
			return true;
	return false;
}

/* ---- lists ---- */

const char *rules_selector_text(const struct rules_selector *s, char out[static 80])
{
	char net[ADDR_TEXT];

	switch (s->kind) {
	case RULES_SELECT_ANY:
		return strcpy(out, "any");
	case RULES_SELECT_TAG:
		snprintf(out, 80, "tag:%s", s->name);
		return out;
	case RULES_SELECT_NODE:
		snprintf(out, 80, "node:%s", s->name);
		return out;
	case RULES_SELECT_NET:
		snprintf(out, 80, "%s", prefix_text(&s->net, net));
		return out;
	}
	return out;
}

/* FNV-1a: lists are compared before the hash is believed */
static uint64_t hash_on(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	return (h ^ '\n') * 0x100000001b3u;
}

int rules_list_add(struct rules_list *l, const struct rules_selector *s)
{
	char text[80];

	if (!(l->count & (l->count - 1))) { /* 0, 1, 2, 4, 8: full */
		unsigned room = l->count ? 2 * l->count : 1;
		struct rules_selector *more = realloc(l->s, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->s = more;
	}
	l->s[l->count++] = *s;
	l->hash = hash_on(l->hash ? l->hash : 0xcbf29ce484222325u,
			  rules_selector_text(s, text));
	return 0;
}

static bool selector_eq(const struct rules_selector *a,
			const struct rules_selector *b)
{
	return a->kind == b->kind && !strcmp(a->name, b->name) &&
	       prefix_eq(&a->net, &b->net);
}

bool rules_list_eq(const struct rules_list *a, const struct rules_list *b)
{
	if (a->hash != b->hash || a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (!selector_eq(&a->s[i], &b->s[i]))
			return false;
	return true;
}

void rules_list_done(struct rules_list *l)
{
	free(l->s);
	*l = (struct rules_list){ 0 };
}

static void free_lists(struct rules_list *l, unsigned count)
{
	for (unsigned i = 0; l && i < count; i++)
		rules_list_done(&l[i]);
	free(l);
}

void rules_free(struct rules *r)
{
	if (!r)
		return;
	free_lists(r->sources, r->source_count);
	free_lists(r->nets, r->net_count);
	free(r->allow);
	free(r);
}

static struct rules_list *copy_lists(const struct rules_list *l, unsigned count)
{
	struct rules_list *out = calloc(count + 1, sizeof(*out));

	for (unsigned i = 0; out && i < count; i++) {
		for (unsigned k = 0; k < l[i].count; k++) {
			if (!rules_list_add(&out[i], &l[i].s[k]))
				continue;
			free_lists(out, count);
			return NULL;
		}
	}
	return out;
}

struct rules *rules_copy(const struct rules *r)
{
	struct rules *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sources = copy_lists(r->sources, r->source_count);
	c->source_count = c->sources ? r->source_count : 0;
	c->nets = copy_lists(r->nets, r->net_count);
	c->net_count = c->nets ? r->net_count : 0;
	c->allow = calloc(r->allow_count + 1, sizeof(*c->allow));
	if (!c->sources || !c->nets || !c->allow) {
		rules_free(c);
		return NULL;
	}
	if (r->allow_count)
		memcpy(c->allow, r->allow, r->allow_count * sizeof(*c->allow));
	c->allow_count = r->allow_count;
	return c;
}

/* ---- writing ---- */

static json_t *lists_json(const struct rules_list *l, unsigned count)
{
	json_t *a = json_array(), *one;
	char text[80];

	for (unsigned i = 0; i < count; i++) {
		one = json_array();
		for (unsigned k = 0; k < l[i].count; k++)
			json_array_append_new(
				one, json_string(rules_selector_text(&l[i].s[k],
								     text)));
		json_array_append_new(a, one);
	}
	return a;
}

/* One text, not 10,000 arrays: the server writes it for each of its nodes. */
static char *allow_text(const struct rules *r)
{
	size_t room = (size_t)r->allow_count * ALLOW_TEXT + 1, n = 0;
	char *text = malloc(room);

	if (!text)
		return NULL;
	text[0] = 0;
	for (unsigned i = 0; i < r->allow_count; i++) {
		const struct rules_allow *a = &r->allow[i];

		n += (size_t)snprintf(text + n, room - n, "%u,%d,%u,%u,%u;",
				      a->source, a->net, a->protocol, a->first,
				      a->last);
	}
	return text;
}

json_t *rules_json(const struct rules *r)
{
	char *text = allow_text(r);
	json_t *o = NULL;

	if (text)
		o = json_pack("{s:o,s:o,s:s}", "sources",
			      lists_json(r->sources, r->source_count), "nets",
			      lists_json(r->nets, r->net_count), "allow", text);
	free(text);
	return o;
}

/* ---- reading ---- */

static bool selector_read(const json_t *o, struct rules_selector *out)
{
	const char *text = json_string_value(o), *name;

	*out = (struct rules_selector){ .kind = RULES_SELECT_ANY };
	if (!text)
		return false;
	if (!strcmp(text, "any"))
		return true;
	name = strchr(text, ':');
	if (!strncmp(text, "tag:", 4))
		out->kind = RULES_SELECT_TAG;
	else if (!strncmp(text, "node:", 5))
		out->kind = RULES_SELECT_NODE;
	else
		out->kind = RULES_SELECT_NET;
	if (out->kind == RULES_SELECT_NET)
		return prefix_parse(text, &out->net);
	if (!name_valid(name + 1))
		return false;
	snprintf(out->name, sizeof(out->name), "%s", name + 1);
	return true;
}

static struct rules_list *lists_read(const json_t *a, unsigned *left,
				     unsigned *count, unsigned *skipped)
{
	size_t n = json_array_size(a);
	struct rules_list *l;
	struct rules_selector s;
	json_t *one, *o;
	size_t i, k;

	if (n > RULES_LISTS_MAX) {
		*skipped += (unsigned)n - RULES_LISTS_MAX;
		n = RULES_LISTS_MAX;
	}
	l = calloc(n + 1, sizeof(*l));
	*count = l ? (unsigned)n : 0;
	for (i = 0; l && i < n; i++) {
		one = json_array_get(a, i);
		json_array_foreach(one, k, o) {
			if (*left && selector_read(o, &s) &&
			    !rules_list_add(&l[i], &s))
				--*left;
			else
				++*skipped;
		}
	}
	return l;
}

/* number() - decimal, of either sign, up to the character `end`; false: it is none */
static bool number(const char **at, char end, long least, long most, long *out)
{
	const char *p = *at + (**at == '-');
	long v = 0;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9' && v <= UINT16_MAX; p++)
		v = 10 * v + *p - '0';
	v = **at == '-' ? -v : v;
	if (*p != end || v < least || v > most)
		return false;
	*at = p + 1;
	*out = v;
	return true;
}

static bool allow_read(const struct rules *r, const char *at, struct rules_allow *out)
{
	long source, net, protocol, first, last;

	if (!number(&at, ',', 0, (long)r->source_count - 1, &source) ||
	    !number(&at, ',', RULES_OWN, (long)r->net_count - 1, &net) ||
	    !number(&at, ',', 0, UINT8_MAX, &protocol) ||
	    !number(&at, ',', 0, UINT16_MAX, &first) ||
	    !number(&at, ';', first, UINT16_MAX, &last))
		return false;
	*out = (struct rules_allow){ .source = (uint32_t)source,
				     .net = (int32_t)net,
				     .protocol = (uint8_t)protocol,
				     .first = (uint16_t)first,
				     .last = (uint16_t)last };
	return true;
}

static bool allows_read(struct rules *r, const char *text, unsigned *skipped)
{
	unsigned room = 0;

	for (const char *p = text; *p && room < RULES_ALLOW_MAX; p++)
		room += *p == ';';
	r->allow = calloc(room + 1, sizeof(*r->allow));
	if (!r->allow)
		return false;
	while (*text) {
		if (r->allow_count < room &&
		    allow_read(r, text, &r->allow[r->allow_count]))
			r->allow_count++;
		else
			++*skipped;
		text += strcspn(text, ";");
		text += *text == ';';
	}
	return true;
}

struct rules *rules_read(const json_t *o, unsigned *skipped)
{
	const char *allow = json_string_value(json_object_get(o, "allow"));
	struct rules *r = calloc(1, sizeof(*r));
	unsigned left = RULES_SELECTORS_MAX;

	if (!r)
		return NULL;
	r->sources = lists_read(json_object_get(o, "sources"), &left,
				&r->source_count, skipped);
	r->nets = lists_read(json_object_get(o, "nets"), &left, &r->net_count,
			     skipped);
	if (!r->sources || !r->nets || !allows_read(r, allow ? allow : "", skipped)) {
		rules_free(r);
		return NULL;
	}
	return r;
}
