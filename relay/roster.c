/* SPDX-License-Identifier: MIT
 *
 * roster.c - the registered clients of a relay, by key and by route
 */
#include "relay/roster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	NONE = -1,
	CHANNELS_FIRST = 4,
};

static uint64_t mix(uint64_t v)
{
	v = (v ^ v >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	v = (v ^ v >> 27) * UINT64_C(0x94d049bb133111eb);
	return v ^ v >> 31;
}

static int32_t *key_head(const struct roster *r, const struct key_public *k)
{
	uint64_t v;

	memcpy(&v, k->b, sizeof(v));
	return &r->by_key[mix(v + r->seed) & r->mask];
}

static int32_t *route_head(const struct roster *r,
			   const struct relay_route *route)
{
	uint64_t v[2];

	memcpy(v, route->remote.ip.b, sizeof(v));
	v[0] = mix(v[0] + r->seed) ^ route->remote.port;
	v[1] ^= (uint64_t)route->socket << 48 ^ route->stream;
	return &r->by_route[mix(v[0] + mix(v[1] + r->seed)) & r->mask];
}

/* route_eq() - .local does not count: it is where answers leave */
static bool route_eq(const struct relay_route *a, const struct relay_route *b)
{
	return a->socket == b->socket && a->stream == b->stream &&
	       endpoint_eq(&a->remote, &b->remote);
}

static int32_t *heads_new(uint32_t n)
{
	int32_t *h = malloc(n * sizeof(*h));

	if (h)
		memset(h, 0xff, n * sizeof(*h)); /* NONE */
	return h;
}

int roster_init(struct roster *r, unsigned max, uint64_t seed)
{
	uint32_t heads = 64;

	while (heads < max && heads < 1u << 20)
		heads *= 2;
	*r = (struct roster){ .mask = heads - 1,
			      .seed = seed,
			      .max = (int32_t)max };
	r->clients = calloc(max, sizeof(*r->clients));
	r->by_key = heads_new(heads);
	r->by_route = heads_new(heads);
	if (r->clients && r->by_key && r->by_route)
		return 0;
	roster_done(r);
	return -ENOMEM;
}

void roster_done(struct roster *r)
{
	for (int32_t i = 0; r->clients && i < r->used; i++) {
		free(r->clients[i].channels);
		secret_wipe(&r->clients[i], sizeof(r->clients[i]));
	}
	free(r->clients);
	free(r->by_key);
	free(r->by_route);
	*r = (struct roster){ 0 };
}

int32_t roster_index(const struct roster *r, const struct roster_client *c)
{
	return (int32_t)(c - r->clients);
}

struct roster_client *roster_by_key(const struct roster *r,
				    const struct key_public *k)
{
	int32_t i = *key_head(r, k);

	while (i != NONE && !key_public_eq(&r->clients[i].key, k))
		i = r->clients[i].next_by_key;
	return i == NONE ? NULL : &r->clients[i];
}

struct roster_client *roster_by_route(const struct roster *r,
				      const struct relay_route *route)
{
	int32_t i = *route_head(r, route);

	while (i != NONE && !route_eq(&r->clients[i].route, route))
		i = r->clients[i].next_by_route;
	return i == NONE ? NULL : &r->clients[i];
}

static void unlink_key(struct roster *r, struct roster_client *c)
{
	int32_t *at = key_head(r, &c->key), i = roster_index(r, c);

	while (*at != NONE && *at != i)
		at = &r->clients[*at].next_by_key;
	if (*at == i)
		*at = c->next_by_key;
}

static void unlink_route(struct roster *r, struct roster_client *c)
{
	int32_t *at = route_head(r, &c->route), i = roster_index(r, c);

	while (*at != NONE && *at != i)
		at = &r->clients[*at].next_by_route;
	if (*at == i)
		*at = c->next_by_route;
}

/* free_slot() - one that was live before, else the first that never was */
static struct roster_client *free_slot(struct roster *r)
{
	if (r->count == r->max)
		return NULL;
	if (r->count == r->used)
		return &r->clients[r->used++];
	for (int32_t i = 0; i < r->used; i++)
		if (!r->clients[i].live)
			return &r->clients[i];
	return NULL;
}

struct roster_client *roster_add(struct roster *r, const struct key_public *k)
{
	struct roster_client *c = free_slot(r);
	int32_t *head = key_head(r, k);
	uint32_t generation;

	if (!c)
		return NULL;
	generation = c->generation + 1;
	*c = (struct roster_client){ .live = true,
				     .key = *k,
				     .generation = generation,
				     .next_by_key = *head,
				     .next_by_route = NONE };
	*head = roster_index(r, c);
	r->count++;
	return c;
}

void roster_move(struct roster *r, struct roster_client *c,
		 const struct relay_route *route)
{
	struct roster_client *other = roster_by_route(r, route);
	int32_t *head;

	if (other == c) {
		c->route = *route;
		return;
	}
	if (other)
		roster_remove(r, other);
	unlink_route(r, c);
	c->route = *route;
	head = route_head(r, route);
	c->next_by_route = *head;
	*head = roster_index(r, c);
}

void roster_forget_channels(struct roster *r, struct roster_client *c)
{
	r->channels -= c->channel_count;
	free(c->channels);
	c->channels = NULL;
	c->channel_count = c->channel_room = 0;
	c->generation++;
}

void roster_remove(struct roster *r, struct roster_client *c)
{
	uint32_t generation;

	unlink_key(r, c);
	unlink_route(r, c);
	roster_forget_channels(r, c);
	generation = c->generation;
	secret_wipe(c, sizeof(*c));
	c->generation = generation;
	r->count--;
}

static bool grow_channels(struct roster_client *c)
{
	uint32_t room = c->channel_room ? c->channel_room * 2 : CHANNELS_FIRST;
	struct roster_channel *p;

	if (room > RELAY_CHANNELS_MAX)
		return false;
	p = realloc(c->channels, room * sizeof(*p));
	if (!p)
		return false;
	c->channels = p;
	c->channel_room = room;
	return true;
}

uint32_t roster_channel_find(const struct roster_client *c,
			     const struct key_public *peer)
{
	for (uint32_t i = 0; i < c->channel_count; i++)
		if (!memcmp(&c->channels[i].peer, peer, sizeof(*peer)))
			return i + 1;
	return 0;
}

uint32_t roster_channel_for(struct roster *r, struct roster_client *c,
			    const struct key_public *peer)
{
	uint32_t number = roster_channel_find(c, peer);

	if (number)
		return number;
	if (c->channel_count == c->channel_room && !grow_channels(c))
		return 0;
	c->channels[c->channel_count++] = (struct roster_channel){
		.peer = *peer,
		.index = RELAY_NO_CLIENT,
	};
	r->channels++;
	return c->channel_count;
}

struct roster_channel *roster_channel(const struct roster_client *c,
				      uint32_t number)
{
	if (!number || number > c->channel_count)
		return NULL;
	return &c->channels[number - 1];
}
