/* SPDX-License-Identifier: MIT
 *
 * peers.c - a relay client's channels: number to peer and peer to number
 */
#include "relay/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	HEADS = 1024,
	NONE = -1,
	ROOM_FIRST = 8,
	TRIES_MAX = 6, /* then only when data is to go there again */
};

#define OPEN_FIRST MSEC(100)
#define ABSENT_WAIT SEC(1)

int peers_init(struct peers *s)
{
	*s = (struct peers){ .next_open = NSEC_NEVER };
	s->by_key = malloc(HEADS * sizeof(*s->by_key));
	s->by_channel = malloc((PEERS_MAX + 1) * sizeof(*s->by_channel));
	if (!s->by_key || !s->by_channel) {
		peers_done(s);
		return -ENOMEM;
	}
	memset(s->by_key, 0xff, HEADS * sizeof(*s->by_key));
	memset(s->by_channel, 0xff, (PEERS_MAX + 1) * sizeof(*s->by_channel));
	return 0;
}

void peers_done(struct peers *s)
{
	free(s->all);
	free(s->by_key);
	free(s->by_channel);
	*s = (struct peers){ 0 };
}

static int32_t *head_of(const struct peers *s, const struct key_public *k)
{
	return &s->by_key[(k->b[0] | (unsigned)k->b[1] << 8) % HEADS];
}

static struct peer *find(const struct peers *s, const struct key_public *k)
{
	int32_t i = *head_of(s, k);

	while (i != NONE && memcmp(&s->all[i].key, k, sizeof(*k)))
		i = s->all[i].next;
	return i == NONE ? NULL : &s->all[i];
}

static bool grow(struct peers *s)
{
	uint32_t room = s->room ? s->room * 2 : ROOM_FIRST;
	struct peer *all;

	if (room > PEERS_MAX)
		return false;
	all = realloc(s->all, room * sizeof(*all));
	if (!all)
		return false;
	s->all = all;
	s->room = room;
	return true;
}

static struct peer *find_or_add(struct peers *s, const struct key_public *k)
{
	struct peer *p = find(s, k);
	int32_t *head = head_of(s, k);

	if (p || (s->count == s->room && !grow(s)))
		return p;
	p = &s->all[s->count];
	*p = (struct peer){ .key = *k, .open_at = NSEC_NEVER, .next = *head };
	*head = (int32_t)s->count++;
	return p;
}

static void open_at(struct peers *s, struct peer *p, nsec_t when)
{
	p->open_at = when;
	s->next_open = nsec_min(s->next_open, when);
}

uint32_t peers_want(struct peers *s, const struct key_public *k, nsec_t now)
{
	struct peer *p = find_or_add(s, k);

	if (!p)
		return 0;
	if (!p->channel && p->open_at == NSEC_NEVER) {
		p->tries = 0;
		open_at(s, p, now);
	}
	return p->channel;
}

static void unmap(struct peers *s, struct peer *p)
{
	if (p->channel && s->by_channel[p->channel] == (int32_t)(p - s->all))
		s->by_channel[p->channel] = NONE;
	p->channel = 0;
}

bool peers_set_channel(struct peers *s, const struct key_public *k, uint32_t channel)
{
	struct peer *p;
	int32_t before;

	if (!channel || channel > PEERS_MAX)
		return false;
	p = find_or_add(s, k);
	if (!p)
		return false;
	s->acks += !p->ack;
	p->ack = true;
	p->open_at = NSEC_NEVER;
	if (p->channel == channel)
		return false;
	before = s->by_channel[channel];
	if (before != NONE)
		unmap(s, &s->all[before]);
	unmap(s, p);
	p->channel = channel;
	s->by_channel[channel] = (int32_t)(p - s->all);
	return true;
}

void peers_absent(struct peers *s, const struct key_public *k, nsec_t now)
{
	struct peer *p = find(s, k);

	if (!p || p->open_at == NSEC_NEVER)
		return;
	p->tries = TRIES_MAX;
	open_at(s, p, now + ABSENT_WAIT);
}

void peers_forget_channels(struct peers *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		unmap(s, &s->all[i]);
		s->all[i].ack = false;
		s->all[i].open_at = NSEC_NEVER;
	}
	s->acks = 0;
	s->next_open = NSEC_NEVER;
}

const struct peer *peers_next_ack(struct peers *s)
{
	for (uint32_t i = 0; s->acks && i < s->count; i++) {
		if (!s->all[i].ack)
			continue;
		s->all[i].ack = false;
		s->acks--;
		return &s->all[i];
	}
	return NULL;
}

/* asked() - when to ask again: 100, 200, 400 ms, ...; then not until wanted anew */
static void asked(struct peer *p, nsec_t now)
{
	if (p->tries >= TRIES_MAX)
		p->open_at = NSEC_NEVER;
	else
		p->open_at = now + (OPEN_FIRST << p->tries++);
}

const struct peer *peers_next_open(struct peers *s, nsec_t now)
{
	struct peer *found = NULL;
	nsec_t next = NSEC_NEVER;

	if (s->next_open > now)
		return NULL;
	for (uint32_t i = 0; i < s->count; i++) {
		struct peer *p = &s->all[i];

		if (!found && p->open_at <= now && p->tries < TRIES_MAX) {
			found = p;
			asked(p, now);
		} else if (p->open_at <= now && p->tries >= TRIES_MAX) {
			p->open_at = NSEC_NEVER; /* until wanted anew */
		}
		next = nsec_min(next, p->open_at);
	}
	s->next_open = next;
	return found;
}

nsec_t peers_next_expiry(const struct peers *s)
{
	return s->acks ? 0 : s->next_open;
}

const struct peer *peers_by_channel(const struct peers *s, uint32_t channel)
{
	int32_t i;

	if (!channel || channel > PEERS_MAX)
		return NULL;
	i = s->by_channel[channel];
	return i == NONE ? NULL : &s->all[i];
}
