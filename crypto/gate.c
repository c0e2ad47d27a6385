/* SPDX-License-Identifier: MIT
 *
 * gate.c - ENGINE: what a handshake message must show before we spend
 * public-key work
 */
#include "crypto/gate.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/cookie.h"
#include "crypto/ratelimit.h"

struct gate {
	struct cookie_checker checker;
	struct ratelimit *sources;
};

struct gate *gate_new(const struct key_public *self)
{
	struct gate *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->sources = ratelimit_new();
	if (!g->sources) {
		free(g);
		return NULL;
	}
	cookie_checker_init(&g->checker, self);
	return g;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	cookie_checker_wipe(&g->checker);
	ratelimit_free(g->sources);
	free(g);
}

/* check_shape() - a handshake message of exactly its type's size? The type is
 * read with the three zero octets after it, so all of them must be right. */
static enum drop check_shape(const uint8_t *m, size_t n)
{
	size_t want;
	le32 type;

	if (n < sizeof(type))
		return DROP_TOO_SHORT;
	memcpy(type.b, m, sizeof(type.b));
	switch (le32_get(type)) {
	case MESSAGE_INITIATION:
	case MESSAGE_AES_INITIATION:
		want = sizeof(struct message_initiation);
		break;
	case MESSAGE_RESPONSE:
	case MESSAGE_AES_RESPONSE:
		want = sizeof(struct message_response);
		break;
	default:
		return DROP_UNKNOWN_TYPE;
	}
	return n == want ? DROP_NONE : DROP_BAD_LENGTH;
}

void gate_check(struct gate *g, const uint8_t *m, size_t n,
		const struct endpoint *from, bool load, nsec_t now,
		struct gate_result *out)
{
	struct message_cookie reply;

	out->reply_n = 0;
	out->verdict = check_shape(m, n);
	if (out->verdict != DROP_NONE)
		return;
	if (!cookie_check_mac1(&g->checker, m, n)) {
		out->verdict = DROP_BAD_MAC1;
		return;
	}
	if (!load)
		return;
	if (cookie_check_mac2(&g->checker, m, n, from, now)) {
		if (!ratelimit_allow(g->sources, &from->ip, now))
			out->verdict = DROP_RATE_LIMITED;
		return;
	}
	out->verdict = DROP_UNDER_LOAD;
	cookie_reply(&g->checker, m, n, from, now, &reply);
	_Static_assert(sizeof(reply) <= sizeof(out->reply), "room for a reply");
	memcpy(out->reply, &reply, sizeof(reply));
	out->reply_n = sizeof(reply);
}

static const nsec_t work_each = SEC(1) / GATE_REFILL;

bool gate_work_left(const struct gate_work *w, nsec_t now)
{
	return w->full_at <= now + (GATE_BURST - 1) * work_each;
}

void gate_work_take(struct gate_work *w, nsec_t now)
{
	if (gate_work_left(w, now))
		w->full_at = nsec_max(w->full_at, now) + work_each;
}
