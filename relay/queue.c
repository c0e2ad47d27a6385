/* SPDX-License-Identifier: MIT
 *
 * queue.c - trains that the socket would not take, a fair queue per receiver
 */
#include "relay/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/udp.h"
#include "relay/codel.h"

enum {
	NONE = -1,
	ECN_MASK = 3, /* RFC 3168 s5, of the TOS octet */
	ECN_NONE = 0,
	ECN_CE = 3,
	FULL_SIZE = 1500, /* octets: less behind the head is no standing queue */
};

struct slot {
	struct relay_out out; /* what is left of it */
	int32_t next; /* of the same receiver, or of the free list */
	nsec_t came;
	bool marked; /* its first datagram leaves alone, with CE */
	uint8_t *data; /* UDP_TRAIN_MAX octets */
};

struct line { /* of one receiver; the last one is for answers */
	int32_t first, last;
	uint32_t octets;
	int32_t deficit; /* octets that it may send in its turn */
	int32_t before, after; /* ring of lines that hold something */
	nsec_t emptied;
	struct codel codel;
};

struct queue {
	struct slot slots[QUEUE_SLOTS];
	uint8_t *memory;
	struct line *lines;
	unsigned receivers;
	int32_t free;
	int32_t turn; /* line to serve next; NONE: all empty */
	int32_t newest; /* the last of those in front that wait for their first turn */
	bool peeked; /* the head of turn was judged already */
};

struct queue *queue_new(unsigned receivers)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->receivers = receivers;
	q->memory = malloc((size_t)QUEUE_SLOTS * UDP_TRAIN_MAX);
	q->lines = calloc(receivers + 1u, sizeof(*q->lines));
	if (!q->memory || !q->lines) {
		queue_free(q);
		return NULL;
	}
	for (int32_t i = 0; i < QUEUE_SLOTS; i++) {
		q->slots[i].data = q->memory + (size_t)i * UDP_TRAIN_MAX;
		q->slots[i].next = i + 1 < QUEUE_SLOTS ? i + 1 : NONE;
	}
	q->turn = q->newest = NONE;
	return q;
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	free(q->memory);
	free(q->lines);
	free(q);
}

bool queue_is_empty(const struct queue *q)
{
	return q->turn == NONE;
}

static unsigned datagrams_of(const struct relay_out *o)
{
	return (unsigned)((o->n + o->segment - 1) / o->segment);
}

/* ---- the ring of those who wait ---- */

/* link_before() - `at` NONE: the ring is empty */
static void link_before(struct queue *q, int32_t i, int32_t at)
{
	struct line *l = &q->lines[i];

	l->before = l->after = i;
	if (at == NONE)
		return;
	l->after = at;
	l->before = q->lines[at].before;
	q->lines[l->before].after = i;
	q->lines[at].before = i;
}

/* enter_ring() - at the end; but before all that have had a turn, if nothing of it
 * waited for so long that it cannot be what fills the link */
static void enter_ring(struct queue *q, int32_t i, nsec_t now)
{
	struct line *l = &q->lines[i];
	bool first = q->turn == NONE, fresh;

	fresh = nsec_since(l->emptied, now) >= CODEL_INTERVAL;
	if (fresh)
		l->deficit = QUEUE_QUANTUM;
	if (fresh && q->newest != NONE)
		link_before(q, i, q->lines[q->newest].after);
	else
		link_before(q, i, q->turn);
	if (first || (fresh && q->newest == NONE)) {
		q->turn = i;
		q->peeked = false;
	}
	if (fresh)
		q->newest = i;
}

static void leave_ring(struct queue *q, int32_t i, nsec_t now)
{
	struct line *l = &q->lines[i];

	q->lines[l->before].after = l->after;
	q->lines[l->after].before = l->before;
	if (q->newest == i)
		q->newest = NONE;
	if (q->turn == i) {
		q->turn = l->after == i ? NONE : l->after;
		q->peeked = false;
	}
	l->emptied = now;
}

/* take_turn() - the next line that may send */
static void take_turn(struct queue *q)
{
	while (q->lines[q->turn].deficit <= 0) {
		q->lines[q->turn].deficit += QUEUE_QUANTUM;
		if (q->newest == q->turn)
			q->newest = NONE;
		q->turn = q->lines[q->turn].after;
	}
}

/* ---- dropping ---- */

/* cut() - n octets at the head of a line are gone */
static void cut(struct queue *q, int32_t i, size_t n, nsec_t now)
{
	struct line *l = &q->lines[i];
	int32_t s = l->first;
	struct slot *slot = &q->slots[s];

	l->octets -= (uint32_t)n;
	slot->out.data += n;
	slot->out.n -= n;
	slot->marked = false;
	if (slot->out.n)
		return;
	l->first = slot->next;
	slot->next = q->free;
	q->free = s;
	if (!l->octets)
		leave_ring(q, i, now);
}

static unsigned drop_first(struct queue *q, int32_t i, nsec_t now)
{
	const struct slot *s = &q->slots[q->lines[i].first];
	unsigned dropped = datagrams_of(&s->out);

	if (i == q->turn)
		q->peeked = false;
	cut(q, i, s->out.n, now);
	return dropped;
}

static int32_t longest(const struct queue *q)
{
	int32_t i = q->turn, best = i;

	do {
		if (q->lines[i].octets > q->lines[best].octets)
			best = i;
		i = q->lines[i].after;
	} while (i != q->turn);
	return best;
}

static unsigned make_room(struct queue *q, int32_t i, size_t n, nsec_t now)
{
	unsigned dropped = 0;

	while (q->lines[i].octets && q->lines[i].octets + n > QUEUE_OCTETS)
		dropped += drop_first(q, i, now);
	return dropped;
}

/* ---- in ---- */

static bool same_way(const struct relay_out *a, const struct relay_out *b)
{
	return a->tos == b->tos && a->to.socket == b->to.socket &&
	       a->segment == b->segment &&
	       endpoint_eq(&a->to.remote, &b->to.remote) &&
	       ipaddr_eq(&a->to.local, &b->to.local);
}

/* join() - a train that goes on where the last one of its line ends; false: it does
 * not, or there is no room */
static bool join(struct queue *q, struct line *l, const struct relay_out *o)
{
	struct slot *s = &q->slots[l->last];
	uint8_t *end = s->data + (s->out.data - s->data) + s->out.n;

	if (!l->octets || !same_way(&s->out, o) || s->out.n % s->out.segment ||
	    datagrams_of(&s->out) + datagrams_of(o) > UDP_SEGMENTS_MAX ||
	    (size_t)(end - s->data) + o->n > UDP_TRAIN_SEND)
		return false;
	memcpy(end, o->data, o->n);
	s->out.n += o->n;
	l->octets += (uint32_t)o->n;
	return true;
}

static void append(struct queue *q, int32_t i, const struct relay_out *o,
		   nsec_t now)
{
	struct line *l = &q->lines[i];
	int32_t s = q->free;
	struct slot *slot = &q->slots[s];

	q->free = slot->next;
	slot->out = *o;
	slot->out.data = slot->data;
	slot->next = NONE;
	slot->came = now;
	slot->marked = false;
	memcpy(slot->data, o->data, o->n);
	if (l->octets)
		q->slots[l->last].next = s;
	else
		l->first = s;
	l->last = s;
	if (!l->octets)
		enter_ring(q, i, now);
	l->octets += (uint32_t)o->n;
}

unsigned queue_put(struct queue *q, const struct relay_out *o, nsec_t now)
{
	int32_t i = o->receiver < 0 ? (int32_t)q->receivers : o->receiver;
	unsigned dropped;

	if (!o->n || !o->segment || o->n > UDP_TRAIN_MAX ||
	    (unsigned)i > q->receivers)
		return 1;
	dropped = make_room(q, i, o->n, now);
	if (join(q, &q->lines[i], o))
		return dropped;
	if (q->free == NONE)
		dropped += drop_first(q, longest(q), now);
	append(q, i, o, now);
	return dropped;
}

/* ---- out ---- */

/* pay() - the datagram at the head of the line whose turn it is */
static void pay(struct queue *q, struct queue_judged *judged, nsec_t now)
{
	struct slot *s = &q->slots[q->lines[q->turn].first];
	size_t n = s->out.n < s->out.segment ? s->out.n : s->out.segment;

	if ((s->out.tos & ECN_MASK) != ECN_NONE) {
		s->marked = (s->out.tos & ECN_MASK) != ECN_CE;
		judged->marked += s->marked;
		return;
	}
	judged->dropped++;
	cut(q, q->turn, n, now);
}

/* judge() - until a head is found that may leave, or nothing is left */
static void judge(struct queue *q, struct queue_judged *judged, nsec_t now)
{
	while (!q->peeked && !queue_is_empty(q)) {
		struct line *l;
		struct slot *s;

		take_turn(q);
		l = &q->lines[q->turn];
		s = &q->slots[l->first];
		q->peeked = true;
		if (!codel_judge(&l->codel, nsec_since(s->came, now),
				 l->octets < FULL_SIZE, now))
			return;
		pay(q, judged, now);
		if (s->marked)
			return;
		q->peeked = false;
	}
}

/* head() - octets of the part that leaves next: all of a train, or one that is marked */
static size_t head(const struct slot *s)
{
	return s->marked && s->out.segment < s->out.n ? s->out.segment : s->out.n;
}

bool queue_peek(struct queue *q, nsec_t now, struct relay_out *out,
		struct queue_judged *judged)
{
	const struct slot *s;

	judge(q, judged, now);
	if (queue_is_empty(q))
		return false;
	s = &q->slots[q->lines[q->turn].first];
	*out = s->out;
	out->n = head(s);
	if (s->marked)
		out->tos |= ECN_CE;
	return true;
}

void queue_pop(struct queue *q, nsec_t now)
{
	size_t n;

	if (queue_is_empty(q))
		return;
	n = head(&q->slots[q->lines[q->turn].first]);
	q->lines[q->turn].deficit -= (int32_t)n;
	q->peeked = false;
	cut(q, q->turn, n, now);
}
