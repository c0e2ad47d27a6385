/* SPDX-License-Identifier: MIT
 *
 * carry.c - the way of a data frame through the relay's engine
 *
 * Nothing here changes the roster while others may look at it; what would is left to
 * relay_server_input(). What it writes belongs to the sender, whose frames come on one
 * thread, or to the channel from this sender at the receiver.
 */
#include "relay/server_inside.h"

#include <string.h>

#define TELL_AGAIN MSEC(200)

struct frame_peer relay_server_peer_frame(enum frame_type type, uint32_t number,
					  const struct key_public *peer,
					  const struct proof_key *session)
{
	struct frame_peer f = { .header = frame_header_of(type, number) };

	memcpy(f.peer, peer->b, sizeof(f.peer));
	proof_put(session, &f, offsetof(struct frame_peer, mac));
	return f;
}

struct roster_client *relay_server_find_peer(const struct turn *t,
					     const struct key_public *k)
{
	struct roster_client *c = roster_by_key(&t->s->roster, k);

	return c && c->network == t->sender->network && c != t->sender ? c :
									 NULL;
}

/* is_current() - does the channel know where its peer is? */
static bool is_current(const struct roster *r, const struct roster_channel *ch)
{
	const struct roster_client *c;

	if (ch->index == RELAY_NO_CLIENT)
		return false;
	c = &r->clients[ch->index];
	return c->live && c->generation == ch->generation;
}

/* resolve() - the client behind a channel; looks the key up again after a change */
static struct roster_client *resolve(struct turn *t, struct roster_channel *ch)
{
	struct roster *r = &t->s->roster;
	struct roster_client *c;

	if (is_current(r, ch))
		return &r->clients[ch->index];
	c = relay_server_find_peer(t, &ch->peer);
	if (!c)
		return NULL;
	ch->back = roster_channel_for(r, c, &t->sender->key);
	ch->index = ch->back ? roster_index(r, c) : RELAY_NO_CLIENT;
	ch->generation = c->generation;
	return ch->back ? c : NULL;
}

/* tell() - a receiver that may not know the channel yet learns it in front of the
 * data; repeated while data flows until it has said so */
static void tell(struct turn *t, struct roster_client *c, uint32_t number)
{
	struct roster_channel *ch = roster_channel(c, number);
	struct frame_peer f;

	if (!ch || ch->told ||
	    (ch->told_at && nsec_since(ch->told_at, t->now) < TELL_AGAIN))
		return;
	ch->told_at = t->now;
	f = relay_server_peer_frame(FRAME_PEER, number, &ch->peer, &c->session);
	relay_server_answer(t, &f, sizeof(f));
	t->batch->out[t->batch->n - 1].to = c->route;
}

static void drop_run(struct turn *t, enum drop d, size_t n, size_t segment)
{
	drop_count_n(&t->lane->drops, d, (n + segment - 1) / segment);
}

/* within_node_rate() - a token bucket of the sender's own */
static bool within_node_rate(struct turn *t, size_t n)
{
	struct roster_client *c = t->sender;
	nsec_t past = nsec_min(nsec_since(c->refilled, t->now), SEC(1));
	uint64_t more = past * t->s->rate / SEC(1);

	if (c->credit + more >= t->s->burst)
		c->credit = t->s->burst;
	else
		c->credit += more;
	c->refilled = t->now;
	if (c->credit < n)
		return false;
	c->credit -= n;
	return true;
}

/* refusal() - the reason why n octets may not be carried; DROP_NONE: they may */
static enum drop refusal(struct turn *t, size_t n)
{
	if (!within_node_rate(t, n))
		return DROP_RELAY_RATE;
	if (!meter_pass(&t->s->total, n, t->now))
		return DROP_RELAY_TOTAL_RATE;
	return DROP_NONE;
}

/* carry() - n octets of frames of one channel, `header` octets each in front */
static void carry(struct turn *t, struct roster_channel *ch, uint8_t *p,
		  size_t n, size_t segment)
{
	struct roster_client *c = resolve(t, ch);
	be32 back;

	if (!c) {
		drop_run(t, DROP_RELAY_NO_RECEIVER, n, segment);
		return;
	}
	back = be32_of(ch->back);
	for (size_t i = 0; i < n; i += segment)
		memcpy(p + i + offsetof(struct frame_header, channel), &back,
		       sizeof(back));
	tell(t, c, ch->back);
	t->batch->out[t->batch->n++] = (struct relay_out){
		.to = c->route,
		.data = p,
		.n = n,
		.segment = segment,
		.receiver = roster_index(&t->s->roster, c),
		.tos = t->in->tos,
	};
	t->sender->sent += n;
	t->lane->forwarded += (n + segment - 1) / segment;
	t->lane->forwarded_octets += n;
}

/* input_keyed() - the receiver's key in full: its frame leaves with a number */
static void input_keyed(struct turn *t, uint8_t *m, size_t n)
{
	struct frame_header h = frame_header_of(FRAME_DATA, 0);
	size_t cut = sizeof(struct frame_keyed) - sizeof(h);
	struct key_public peer;
	uint32_t number;

	if (n <= sizeof(struct frame_keyed)) {
		drop(t, DROP_TOO_SHORT);
		return;
	}
	memcpy(peer.b, ((const struct frame_keyed *)m)->peer, sizeof(peer.b));
	if (!relay_server_find_peer(t, &peer)) {
		drop(t, DROP_RELAY_NO_RECEIVER);
		return;
	}
	number = roster_channel_for(&t->s->roster, t->sender, &peer);
	if (!number) {
		drop(t, DROP_RELAY_NO_RECEIVER);
		return;
	}
	memcpy(m + cut, &h, sizeof(h));
	carry(t, roster_channel(t->sender, number), m + cut, n - cut, n - cut);
}

static void input_data(struct turn *t, uint8_t *m, size_t n, size_t segment)
{
	const struct frame_header *h = (const void *)m;
	struct roster_channel *ch =
		roster_channel(t->sender, be32_get(h->channel));

	if (!ch)
		drop(t, DROP_RELAY_NO_RECEIVER);
	else
		carry(t, ch, m, n, segment);
}

/* changes_roster() - must a frame of data wait until nobody else is in here? Only
 * when its channel is new, or its receiver has registered anew */
static bool changes_roster(const struct turn *t, const uint8_t *m, size_t n)
{
	const struct roster *r = &t->s->roster;
	const struct roster_channel *ch;
	struct key_public peer;
	uint32_t number;

	if (m[1] == FRAME_DATA) {
		const struct frame_header *h = (const void *)m;

		number = be32_get(h->channel);
		ch = roster_channel(t->sender, number);
		return ch && !is_current(r, ch) &&
		       relay_server_find_peer(t, &ch->peer);
	}
	if (n <= sizeof(struct frame_keyed))
		return false;
	memcpy(peer.b, ((const struct frame_keyed *)m)->peer, sizeof(peer.b));
	ch = roster_channel(t->sender, roster_channel_find(t->sender, &peer));
	return (!ch || !is_current(r, ch)) && relay_server_find_peer(t, &peer);
}

/* input_message() - data of a registered client; returns as input_datagrams() */
static size_t input_message(struct turn *t, uint8_t *p, size_t run, size_t one)
{
	enum drop d;

	if (t->shared && changes_roster(t, p, one))
		return 0;
	d = refusal(t, run);
	if (d != DROP_NONE) {
		drop_run(t, d, run, one);
		return run;
	}
	t->sender->heard = t->now;
	if (p[1] == FRAME_DATA)
		input_data(t, p, run, one);
	else
		input_keyed(t, p, one);
	return run;
}

/* run_of() - octets of the datagrams at p that share the first one's header: they
 * go to one receiver and leave as one train */
static size_t run_of(const uint8_t *p, size_t n, size_t segment)
{
	size_t run = n < segment ? n : segment;

	while (run < n && n - run > sizeof(struct frame_header) &&
	       !memcmp(p, p + run, sizeof(struct frame_header)))
		run += n - run < segment ? n - run : segment;
	return run;
}

/* input_datagrams() - the first datagram at p, or the run of data that it begins;
 * returns octets consumed; 0: it would change the roster, which is shared now */
static size_t input_datagrams(struct turn *t, uint8_t *p, size_t n,
			      size_t segment)
{
	size_t one = n < segment ? n : segment;

	if (!frame_is(p, one)) {
		drop(t, DROP_UNKNOWN_TYPE);
		return one;
	}
	if (p[1] == FRAME_HELLO) {
		relay_server_greet(t, p, one);
		return one;
	}
	if (!t->sender && p[1] != FRAME_REGISTER) {
		relay_server_greet(t, p, one);
		return n; /* one answer a train */
	}
	if (p[1] == FRAME_DATA)
		return input_message(t, p, run_of(p, n, segment), one);
	if (p[1] == FRAME_DATA_KEYED)
		return input_message(t, p, one, one);
	if (p[1] == FRAME_PING)
		relay_server_ping(t, p, one);
	else if (!relay_server_control(t, p, one))
		return 0;
	return one;
}

static size_t input(struct turn *t)
{
	const struct relay_in *in = t->in;
	unsigned most = t->batch->n + RELAY_BATCH_INPUT - 4;
	size_t i = 0, step = 1;

	if (!in->segment)
		return in->n;
	t->sender = roster_by_route(&t->s->roster, &in->from);
	while (i < in->n && step && t->batch->n < most) {
		step = input_datagrams(t, in->data + i, in->n - i, in->segment);
		i += step;
	}
	return i;
}

size_t relay_server_pass(struct relay_server *s, unsigned lane,
			 const struct relay_in *in, struct relay_batch *batch,
			 nsec_t now)
{
	struct turn t = { .s = s,
			  .lane = &s->lanes[lane],
			  .in = in,
			  .batch = batch,
			  .now = now,
			  .shared = true };

	return input(&t);
}

size_t relay_server_input(struct relay_server *s, const struct relay_in *in,
			  struct relay_batch *batch, nsec_t now, uint64_t wall_s)
{
	struct turn t = { .s = s,
			  .lane = &s->lanes[0],
			  .in = in,
			  .batch = batch,
			  .now = now,
			  .wall_s = wall_s };

	return input(&t);
}
