/* SPDX-License-Identifier: MIT
 *
 * tunnel.c - ENGINE: handshakes and timers of one peer
 *
 * Theory: three slots hold sessions. `current` is sealed with; `previous` still
 * opens what is under way; `next` is a responder's new session until the
 * initiator has shown, by anything authenticated, that it has the keys too. A
 * handshake of ours is one initiation in flight, made anew at each retry.
 * Everything that happens is queued as events; when the queue is empty,
 * tunnel_poll() lets the rules run that are due. An initiation of the peer does
 * not disturb ours: when both cross, both complete, and the one in which we
 * were the initiator is sealed with.
 * Spec: WireGuard paper s5.4, s6; three slots and their moves as in the
 * kernel's
 */
#include "crypto/tunnel.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/cookie.h"
#include "crypto/events.h"
#include "crypto/noise.h"
#include "crypto/prim.h"
#include "crypto/session.h"
#include "crypto/tai64n.h"

enum {
	JITTER_MS = 334, /* 0..333 */
};

#define NEW_HANDSHAKE_AFTER (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT)
#define ZERO_AFTER	    (3 * REJECT_AFTER_TIME)

static const struct {
	uint32_t initiation, response;
} types[AEAD_SUITES] = {
	[AEAD_CHACHA20_POLY1305] = { MESSAGE_INITIATION, MESSAGE_RESPONSE },
	[AEAD_AES_256_GCM] = { MESSAGE_AES_INITIATION, MESSAGE_AES_RESPONSE },
};

struct tunnel {
	struct noise_pair pair;
	struct cookie_jar cookie;
	struct activity *activity;
	uint32_t slot;
	struct prng prng;

	struct session *previous, *current, *next;
	bool usable; /* current was announced and has not expired */

	/* our handshake */
	bool running; /* send_at and give_up_at are armed */
	bool in_flight; /* an initiation awaits its response */
	struct noise handshake;
	uint32_t handshake_index;
	nsec_t send_at, give_up_at;
	nsec_t initiated; /* when the last initiation was sent; 0: never */
	uint8_t stamp_sent[TAI64N_OCTETS];
	nsec_t wall;

	/* the peer's */
	nsec_t answered; /* when its last initiation was answered; 0: never */
	uint8_t stamp_seen[TAI64N_OCTETS];

	/* timers; NSEC_NEVER: not armed */
	nsec_t unanswered_at; /* new handshake */
	nsec_t owed_at; /* passive keepalive */
	nsec_t owed_again_at; /* a second one, for data received meanwhile */
	nsec_t persistent_at;
	nsec_t zero_at;
	nsec_t interval; /* persistent keepalive; 0: off */
	nsec_t jitter; /* of the new-handshake timer */

	struct events events;
};

static void queue(struct tunnel *t, enum tunnel_event_kind kind,
		  struct session *s)
{
	events_add(&t->events, kind, s);
}

static void retire(struct tunnel *t, struct session **slot)
{
	if (*slot)
		queue(t, TUNNEL_SESSION_RETIRE, *slot);
	*slot = NULL;
}

static bool turn_taken(const struct tunnel *t, uint32_t turn)
{
	const struct session *const all[] = { t->previous, t->current,
					      t->next };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] && index_turn(all[i]->index) == turn)
			return true;
	return t->in_flight && index_turn(t->handshake_index) == turn;
}

/* new_index() - there are four turns, and at most three are taken here */
static uint32_t new_index(struct tunnel *t)
{
	const uint32_t random = prng_below(&t->prng, 1u << 10);
	uint32_t turn = 0;

	while (turn < TUNNEL_SLOT_SESSIONS - 1 && turn_taken(t, turn))
		turn++;
	return random << (TUNNEL_SLOT_BITS + 2) | t->slot << 2 | turn;
}

static nsec_t jitter(struct tunnel *t)
{
	return MSEC(prng_below(&t->prng, JITTER_MS));
}

static void forget_initiation(struct tunnel *t)
{
	t->in_flight = false;
	noise_wipe(&t->handshake);
}

static void stop_handshake(struct tunnel *t)
{
	t->running = false;
	forget_initiation(t);
}

/* begin() - unless one runs; at most one initiation per REKEY_TIMEOUT */
static void begin(struct tunnel *t, nsec_t now)
{
	if (t->running)
		return;
	t->running = true;
	t->send_at = now;
	if (t->initiated)
		t->send_at = nsec_max(now, t->initiated + REKEY_TIMEOUT);
	t->give_up_at = t->send_at + REKEY_ATTEMPT_TIME;
}

static void initiate(struct tunnel *t, nsec_t now)
{
	struct message_initiation m = {
		.type = le32_of(types[t->pair.suite].initiation),
	};

	forget_initiation(t);
	t->handshake_index = new_index(t);
	m.sender = le32_of(t->handshake_index);
	tai64n_next(t->stamp_sent, now + t->wall);
	t->initiated = now;
	t->send_at = now + REKEY_TIMEOUT + jitter(t);
	if (!noise_create_initiation(&t->handshake, &t->pair, t->stamp_sent,
				     &m))
		return;
	t->in_flight = true;
	cookie_stamp(&t->cookie, (uint8_t *)&m, sizeof(m), now);
	(void)activity_sent(t->activity, false, now);
	events_add_message(&t->events, &m, sizeof(m));
}

static void give_up(struct tunnel *t)
{
	stop_handshake(t);
	t->owed_again_at = NSEC_NEVER;
	activity_forget(t->activity);
	queue(t, TUNNEL_GAVE_UP, NULL);
}

static void use(struct tunnel *t, struct session *s)
{
	t->usable = s != NULL;
	queue(t, TUNNEL_SESSION_USE, s);
}

static struct session *make_session(struct tunnel *t,
				    const struct noise_keys *keys,
				    uint32_t index, uint32_t remote,
				    bool initiator, nsec_t now)
{
	const struct session_params p = {
		.keys = keys,
		.suite = t->pair.suite,
		.index = index,
		.remote = remote,
		.initiator = initiator,
		.activity = t->activity,
	};
	struct session *s = session_new(&p, now);

	if (!s)
		return NULL;
	t->zero_at = now + ZERO_AFTER;
	queue(t, TUNNEL_SESSION_ADD, s);
	return s;
}

/* install_initiated() - the response came: the keys are the peer's too. A
 * session of the peer's making that nothing has come in on yet stays for
 * receiving. */
static void install_initiated(struct tunnel *t, struct session *s)
{
	struct session *old = t->next ? t->next : t->current;

	use(t, s); /* first: what is in use is never retired */
	if (t->next)
		retire(t, &t->current);
	retire(t, &t->previous);
	t->previous = old;
	t->next = NULL;
	t->current = s;
	queue(t, TUNNEL_SEND_KEEPALIVE, NULL); /* key confirmation */
	queue(t, TUNNEL_ESTABLISHED, s);
}

/* promote() - the peer has confirmed the session that it began */
static void promote(struct tunnel *t)
{
	if (!t->next || !session_confirmed(t->next))
		return;
	stop_handshake(t);
	retire(t, &t->previous);
	t->previous = t->current;
	t->current = t->next;
	t->next = NULL;
	use(t, t->current);
	queue(t, TUNNEL_ESTABLISHED, t->current);
}

static void retire_all(struct tunnel *t)
{
	if (t->usable)
		use(t, NULL);
	retire(t, &t->previous);
	retire(t, &t->current);
	retire(t, &t->next);
	t->zero_at = NSEC_NEVER;
}

/* ---- the rules of time, one function each ---- */

static void rule_rekey(struct tunnel *t, nsec_t now)
{
	if (!atomic_exchange(&t->activity->rekey, false))
		return;
	if (!t->current || session_rekey_due(t->current, now))
		begin(t, now);
}

static void rule_reject(struct tunnel *t, nsec_t now)
{
	if (t->usable && session_expired(t->current, now))
		use(t, NULL);
}

static void rule_zero(struct tunnel *t, nsec_t now)
{
	if (now >= t->zero_at)
		retire_all(t);
}

/* watched() - when a timer of the packet path runs out. While an earlier arming
 * is still ahead it stands, though it may have been stopped and armed again
 * since: to look then is early enough, and until then no worker need wake
 * us. */
static nsec_t watched(struct tunnel *t, enum activity_timer timer, nsec_t at,
		      nsec_t delay, nsec_t now)
{
	nsec_t since;

	if (at != NSEC_NEVER && now < at)
		return at;
	since = activity_watch(t->activity, timer);
	return since ? since + delay : NSEC_NEVER;
}

static void rule_unanswered(struct tunnel *t, nsec_t now)
{
	const nsec_t delay = NEW_HANDSHAKE_AFTER + t->jitter;

	t->unanswered_at = watched(t, ACTIVITY_UNANSWERED, t->unanswered_at,
				   delay, now);
	if (now < t->unanswered_at)
		return;
	atomic_store(&t->activity->unanswered, 0);
	t->unanswered_at = NSEC_NEVER;
	t->jitter = jitter(t);
	begin(t, now);
}

static void rule_handshake(struct tunnel *t, nsec_t now)
{
	if (!t->running)
		return;
	if (now >= t->give_up_at)
		give_up(t);
	else if (now >= t->send_at)
		initiate(t, now);
}

static void keepalive(struct tunnel *t, nsec_t now)
{
	if (!t->usable)
		return;
	(void)activity_sent(t->activity, false, now);
	queue(t, TUNNEL_SEND_KEEPALIVE, NULL);
}

static void rule_owed(struct tunnel *t, nsec_t now)
{
	struct activity *a = t->activity;

	t->owed_at = watched(t, ACTIVITY_OWED, t->owed_at, KEEPALIVE_TIMEOUT,
			     now);
	if (now < t->owed_at)
		return;
	t->owed_at = NSEC_NEVER;
	atomic_store(&a->owed, 0);
	keepalive(t, now);
	if (atomic_load(&a->owed_more))
		t->owed_again_at = now + KEEPALIVE_TIMEOUT;
}

/* rule_owed_again() - data that came while the first keepalive was owed, unless
 * data of ours has gone out since */
static void rule_owed_again(struct tunnel *t, nsec_t now)
{
	if (now < t->owed_again_at)
		return;
	t->owed_again_at = NSEC_NEVER;
	if (atomic_exchange(&t->activity->owed_more, false))
		keepalive(t, now);
}

static void rule_persistent(struct tunnel *t, nsec_t now)
{
	struct activity *a = t->activity;
	nsec_t last;

	if (now < t->persistent_at)
		return;
	last = nsec_max(atomic_load(&a->sent), atomic_load(&a->received));
	if (last && t->persistent_at && now < last + t->interval) {
		t->persistent_at = last + t->interval;
		return;
	}
	t->persistent_at = now + t->interval;
	if (t->usable)
		keepalive(t, now);
	else
		begin(t, now);
}

/* run_rules() - in an order in which an earlier one may arm a later one */
static void run_rules(struct tunnel *t, nsec_t now)
{
	promote(t);
	rule_reject(t, now);
	rule_zero(t, now);
	rule_rekey(t, now);
	rule_unanswered(t, now);
	rule_persistent(t, now);
	rule_handshake(t, now);
	rule_owed(t, now);
	rule_owed_again(t, now);
}

struct tunnel *tunnel_new(const struct tunnel_params *p)
{
	struct tunnel *t;

	if (p->slot >= 1u << TUNNEL_SLOT_BITS)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->activity = activity_new();
	if (!t->activity || !noise_pair_init(&t->pair, p)) {
		tunnel_free(t);
		return NULL;
	}
	cookie_jar_init(&t->cookie, &p->peer);
	t->slot = p->slot;
	t->prng.state = p->seed;
	t->wall = p->wall;
	t->jitter = jitter(t);
	t->unanswered_at = t->owed_at = t->owed_again_at = NSEC_NEVER;
	t->zero_at = NSEC_NEVER;
	t->interval = p->persistent_keepalive;
	t->persistent_at = t->interval ? 0 : NSEC_NEVER;
	return t;
}

void tunnel_free(struct tunnel *t)
{
	if (!t)
		return;
	activity_release(t->activity);
	prim_wipe(t, sizeof(*t));
	free(t);
}

void tunnel_poll(struct tunnel *t, struct tunnel_event *out, nsec_t now)
{
	out->kind = TUNNEL_IDLE;
	out->session = NULL;
	out->n = 0;
	if (!t->events.count)
		run_rules(t, now);
	if (t->events.count)
		events_take(&t->events, out);
}

nsec_t tunnel_next_expiry(const struct tunnel *t)
{
	nsec_t at = nsec_min(t->unanswered_at, t->owed_at);

	at = nsec_min(at, nsec_min(t->owed_again_at, t->persistent_at));
	at = nsec_min(at, t->zero_at);
	if (t->running)
		at = nsec_min(at, nsec_min(t->send_at, t->give_up_at));
	if (t->usable)
		at = nsec_min(at, t->current->born + REJECT_AFTER_TIME);
	return t->events.count ? 0 : at;
}

void tunnel_want(struct tunnel *t, nsec_t now)
{
	begin(t, now);
}

void tunnel_rehandshake(struct tunnel *t, bool force, nsec_t now)
{
	begin(t, now);
	if (!force)
		return;
	t->send_at = now;
	t->give_up_at = now + REKEY_ATTEMPT_TIME;
}

void tunnel_reset(struct tunnel *t, nsec_t now)
{
	stop_handshake(t);
	activity_forget(t->activity);
	t->unanswered_at = t->owed_at = t->owed_again_at = NSEC_NEVER;
	retire_all(t);
}

void tunnel_set_keepalive(struct tunnel *t, nsec_t interval, nsec_t now)
{
	if (interval == t->interval)
		return;
	t->interval = interval;
	t->persistent_at = interval ? 0 : NSEC_NEVER;
}

nsec_t tunnel_last_handshake(const struct tunnel *t)
{
	const struct session *const all[] = { t->previous, t->current,
					      t->next };
	nsec_t last = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i])
			last = nsec_max(last, all[i]->born);
	return last;
}

void tunnel_timestamps(const struct tunnel *t, uint8_t seen[static 12],
		       uint8_t sent[static 12])
{
	memcpy(seen, t->stamp_seen, TAI64N_OCTETS);
	memcpy(sent, t->stamp_sent, TAI64N_OCTETS);
}

void tunnel_timestamps_restore(struct tunnel *t, const uint8_t seen[static 12],
			       const uint8_t sent[static 12])
{
	memcpy(t->stamp_seen, seen, TAI64N_OCTETS);
	memcpy(t->stamp_sent, sent, TAI64N_OCTETS);
}

/* judge() - is this initiation the peer's, new, and not too soon? */
static enum drop judge(const struct tunnel *t, const struct initiation *i,
		       nsec_t now)
{
	if (!key_public_eq(&i->sender, &t->pair.peer) ||
	    i->suite != t->pair.suite)
		return DROP_HANDSHAKE_CRYPTO;
	if (!tai64n_greater(i->timestamp, t->stamp_seen))
		return DROP_HANDSHAKE_REPLAY;
	if (t->answered && nsec_since(t->answered, now) < INITIATION_MIN_GAP)
		return DROP_HANDSHAKE_FLOOD;
	if (!events_room(&t->events))
		return DROP_HANDSHAKE_FLOOD; /* the owner has not polled */
	return DROP_NONE;
}

static enum drop answer(struct tunnel *t, const struct initiation *i,
			nsec_t now)
{
	struct message_response m = {
		.type = le32_of(types[t->pair.suite].response),
		.receiver = le32_of(i->sender_index),
	};
	struct noise_keys keys;

	if (!noise_create_response(i, &t->pair, &m, &keys))
		return DROP_HANDSHAKE_CRYPTO;
	retire(t, &t->next);
	retire(t, &t->previous);
	m.sender = le32_of(new_index(t));
	t->next = make_session(t, &keys, le32_get(m.sender), i->sender_index,
			       false, now);
	prim_wipe(&keys, sizeof(keys));
	if (!t->next)
		return DROP_HANDSHAKE_STATE; /* no memory: as if lost */
	cookie_stamp(&t->cookie, (uint8_t *)&m, sizeof(m), now);
	(void)activity_received(t->activity, false, now);
	(void)activity_sent(t->activity, false, now);
	events_add_message(&t->events, &m, sizeof(m));
	return DROP_NONE;
}

enum drop tunnel_input_initiation(struct tunnel *t, struct initiation *i,
				  nsec_t now)
{
	enum drop verdict = judge(t, i, now);

	if (verdict == DROP_NONE) {
		memcpy(t->stamp_seen, i->timestamp, TAI64N_OCTETS);
		t->answered = now;
		verdict = answer(t, i, now);
	}
	prim_wipe(i, sizeof(*i));
	return verdict;
}

static enum drop input_response(struct tunnel *t,
				const struct message_response *m, nsec_t now)
{
	struct noise_keys keys;
	struct session *s;

	if (!t->in_flight || le32_get(m->receiver) != t->handshake_index ||
	    !events_room(&t->events))
		return DROP_HANDSHAKE_STATE;
	if (!noise_consume_response(&t->handshake, &t->pair, m, &keys))
		return DROP_HANDSHAKE_CRYPTO;
	s = make_session(t, &keys, t->handshake_index, le32_get(m->sender),
			 true, now);
	prim_wipe(&keys, sizeof(keys));
	if (!s)
		return DROP_HANDSHAKE_STATE;
	stop_handshake(t);
	(void)activity_received(t->activity, false, now);
	install_initiated(t, s);
	return DROP_NONE;
}

/* sent_with() - is this the index of a handshake message of ours? */
static bool sent_with(const struct tunnel *t, uint32_t index)
{
	return (t->in_flight && index == t->handshake_index) ||
	       (t->next && index == t->next->index);
}

static enum drop input_cookie(struct tunnel *t, const struct message_cookie *m,
			      nsec_t now)
{
	if (!sent_with(t, le32_get(m->receiver)))
		return DROP_HANDSHAKE_STATE;
	return cookie_keep(&t->cookie, m, now) ? DROP_NONE : DROP_BAD_COOKIE;
}

enum drop tunnel_input_response(struct tunnel *t, const uint8_t *m, size_t n,
				nsec_t now)
{
	struct message_response response;
	struct message_cookie cookie;

	if (n == sizeof(response)) {
		memcpy(&response, m, n);
		if (le32_get(response.type) == types[t->pair.suite].response)
			return input_response(t, &response, now);
	}
	if (n == sizeof(cookie)) {
		memcpy(&cookie, m, n);
		if (le32_get(cookie.type) == MESSAGE_COOKIE)
			return input_cookie(t, &cookie, now);
	}
	return DROP_MALFORMED;
}
