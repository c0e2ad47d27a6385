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

json_t *rules_json(const struct rules *r)
{
	json_t *allow = json_array();

	for (unsigned i = 0; i < r->allow_count; i++) {
		const struct rules_allow *a = &r->allow[i];

		json_array_append_new(allow,
				      json_pack("[i,i,i,i,i]", (int)a->source,
						(int)a->net, a->protocol,
						a->first, a->last));
	}
	return json_pack("{s:o,s:o,s:o}", "sources",
			 lists_json(r->sources, r->source_count), "nets",
			 lists_json(r->nets, r->net_count), "allow", allow);
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

static bool number_at(const json_t *a, unsigned i, json_int_t max, json_int_t *out)
{
	const json_t *o = json_array_get(a, i);

	*out = json_integer_value(o);
	return json_is_integer(o) && *out <= max && *out >= (i == 1 ? -1 : 0);
}

static bool allow_read(const struct rules *r, const json_t *o, struct rules_allow *out)
{
	const json_int_t most[5] = { (json_int_t)r->source_count - 1,
				     (json_int_t)r->net_count - 1, UINT8_MAX,
				     UINT16_MAX, UINT16_MAX };
	json_int_t v[5];

	for (unsigned i = 0; i < 5; i++)
		if (!number_at(o, i, most[i], &v[i]))
			return false;
	*out = (struct rules_allow){ .source = (uint32_t)v[0],
				     .net = (int32_t)v[1],
				     .protocol = (uint8_t)v[2],
				     .first = (uint16_t)v[3],
				     .last = (uint16_t)v[4] };
	return out->first <= out->last;
}

struct rules *rules_read(const json_t *o, unsigned *skipped)
{
	const json_t *allow = json_object_get(o, "allow");
	struct rules *r = calloc(1, sizeof(*r));
	unsigned left = RULES_SELECTORS_MAX;
	json_t *one;
	size_t i;

	if (!r)
		return NULL;
	r->sources = lists_read(json_object_get(o, "sources"), &left,
				&r->source_count, skipped);
	r->nets = lists_read(json_object_get(o, "nets"), &left, &r->net_count,
			     skipped);
	r->allow = calloc(json_array_size(allow) + 1, sizeof(*r->allow));
	if (!r->sources || !r->nets || !r->allow) {
		rules_free(r);
		return NULL;
	}
	json_array_foreach(allow, i, one) {
		if (r->allow_count < RULES_ALLOW_MAX &&
		    allow_read(r, one, &r->allow[r->allow_count]))
			r->allow_count++;
		else
			++*skipped;
	}
	return r;
}
