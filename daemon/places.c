/* SPDX-License-Identifier: MIT
 *
 * places.c - networks that this machine has been in: a table and its file
 */
#include "daemon/places.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
	LEVELS_MAX = 4,
	HOP_MAX = 8, /* LADDER_RUNGS */
	IDLE_MAX = 3600, /* seconds */
};

static int index_of(const struct places *p, const uint8_t router[static 6],
		    const struct prefix *subnet)
{
	for (unsigned i = 0; i < p->count; i++)
		if (!memcmp(p->list[i].router, router, 6) &&
		    prefix_eq(&p->list[i].subnet, subnet))
			return (int)i;
	return -1;
}

const struct place *places_find(const struct places *p, const uint8_t router[static 6],
				const struct prefix *subnet)
{
	int i = index_of(p, router, subnet);

	return i < 0 ? NULL : &p->list[i];
}

void places_put(struct places *p, const struct place *one)
{
	int old = index_of(p, one->router, &one->subnet);
	struct place copy = *one; /* it may be in the list */
	unsigned behind;

	if (old < 0 && p->count < PLACES_MAX)
		p->count++;
	behind = old < 0 ? p->count - 1 : (unsigned)old;
	memmove(&p->list[1], &p->list[0], behind * sizeof(p->list[0]));
	p->list[0] = copy;
}

/* ---- the file ---- */

static json_t *allocator_json(const struct allocator *a)
{
	return json_pack("{s:i,s:i,s:i,s:i,s:i,s:i,s:i}", "kind", a->kind, "step", a->step,
			 "low", a->low, "high", a->high, "mask", a->mask, "bits", a->bits,
			 "pool", a->pool);
}

static json_t *place_json(const struct place *p)
{
	const struct nat_profile *n = &p->nat;
	char router[18], subnet[ADDR_TEXT], external[ADDR_TEXT] = "";

	snprintf(router, sizeof(router), "%02x:%02x:%02x:%02x:%02x:%02x", p->router[0],
		 p->router[1], p->router[2], p->router[3], p->router[4], p->router[5]);
	if (!ipaddr_is_zero(&p->external))
		ipaddr_text(&p->external, external);
	return json_pack("{s:s,s:s,s:s,s:I,s:b,s:b,s:b,s:b,s:i,s:i,s:o,s:i,s:i,s:I}", "router",
			 router, "subnet", prefix_text(&p->subnet, subnet), "external", external,
			 "seen", (json_int_t)p->seen_s, "mapping_varies", n->mapping_varies,
			 "filter_independent", n->filter_independent, "opener_needed",
			 n->opener_needed, "hairpin", n->hairpin, "levels", n->levels,
			 "public_hop", n->public_hop, "allocator", allocator_json(&n->allocator),
			 "idle_alive", p->idle.lived_s, "idle_dead", p->idle.died_s,
			 "idle_seen", (json_int_t)p->idle_seen_s);
}

char *places_text(const struct places *p)
{
	json_t *list = json_array(), *o;
	char *text;

	for (unsigned i = 0; i < p->count; i++)
		json_array_append_new(list, place_json(&p->list[i]));
	o = json_pack("{s:i,s:o}", "version", 1, "places", list);
	text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
	json_decref(o);
	return text;
}

/* number() - false: not there, no integer, or out of bounds */
static bool number(const json_t *o, const char *key, json_int_t low, json_int_t high,
		   json_int_t *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < low || json_integer_value(v) > high)
		return false;
	*out = json_integer_value(v);
	return true;
}

static bool flag(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static bool read_allocator(const json_t *o, struct allocator *out)
{
	json_int_t kind, step, low, high, mask, bits, pool;

	if (!number(o, "kind", ALLOCATOR_UNKNOWN, ALLOCATOR_RANDOM, &kind) ||
	    !number(o, "step", INT16_MIN, INT16_MAX, &step) ||
	    !number(o, "low", 0, UINT16_MAX, &low) || !number(o, "high", 0, UINT16_MAX, &high) ||
	    !number(o, "mask", 0, UINT16_MAX, &mask) ||
	    !number(o, "bits", 0, UINT16_MAX, &bits) || !number(o, "pool", 0, 255, &pool))
		return false;
	*out = (struct allocator){ .kind = (enum allocator_kind)kind, .step = (int16_t)step,
				   .low = (uint16_t)low, .high = (uint16_t)high,
				   .mask = (uint16_t)mask, .bits = (uint16_t)bits,
				   .pool = (uint16_t)pool };
	return out->kind == ALLOCATOR_UNKNOWN || allocator_valid(out);
}

static bool read_nat(const json_t *o, struct nat_profile *out)
{
	json_int_t levels, hop;

	if (!number(o, "levels", 0, LEVELS_MAX, &levels) ||
	    !number(o, "public_hop", 0, HOP_MAX, &hop) ||
	    !read_allocator(json_object_get(o, "allocator"), &out->allocator))
		return false;
	out->known = true;
	out->mapping_varies = flag(o, "mapping_varies");
	out->filter_independent = flag(o, "filter_independent");
	out->opener_needed = flag(o, "opener_needed");
	out->hairpin = flag(o, "hairpin");
	out->levels = (uint8_t)levels;
	out->public_hop = (uint8_t)hop;
	return true;
}

static bool read_router(const char *text, uint8_t out[static 6])
{
	unsigned b[6];
	int end = 0;

	if (!text || strlen(text) != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
		   &end) != 6 || end != 17)
		return false;
	for (unsigned i = 0; i < 6; i++)
		out[i] = (uint8_t)b[i];
	return true;
}

static bool read_place(const json_t *o, struct place *out)
{
	const char *subnet = json_string_value(json_object_get(o, "subnet"));
	const char *external = json_string_value(json_object_get(o, "external"));
	json_int_t seen, idle_seen, lived, died;

	*out = (struct place){ 0 };
	if (!read_router(json_string_value(json_object_get(o, "router")), out->router) ||
	    !subnet || !prefix_parse(subnet, &out->subnet) ||
	    !number(o, "seen", 0, INT64_MAX, &seen) ||
	    !number(o, "idle_seen", 0, INT64_MAX, &idle_seen) ||
	    !number(o, "idle_alive", 0, IDLE_MAX, &lived) ||
	    !number(o, "idle_dead", 0, IDLE_MAX, &died) || !read_nat(o, &out->nat))
		return false;
	if (external && *external && !ipaddr_parse(external, &out->external))
		return false;
	out->seen_s = (uint64_t)seen;
	out->idle_seen_s = (uint64_t)idle_seen;
	out->idle = (struct lifetime_result){ (uint16_t)lived, (uint16_t)died };
	return true;
}

bool places_read(const char *text, size_t n, struct places *out)
{
	json_t *o = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL), *item;
	const json_t *list = json_object_get(o, "places");
	bool good = json_is_array(list);
	size_t i;

	out->count = 0;
	json_array_foreach(list, i, item) {
		struct place *p = &out->list[out->count];

		if (out->count < PLACES_MAX && read_place(item, p) &&
		    index_of(out, p->router, &p->subnet) < 0)
			out->count++;
	}
	json_decref(o);
	return good;
}
