/* SPDX-License-Identifier: MIT
 *
 * lifetime.c - how long our NAT keeps an idle mapping (theory in lifetime.h)
 */
#include "traversal/lifetime.h"

#include <string.h>

#define PATIENCE MSEC(800) /* for an answer */
#define SECOND	 SEC(3) /* exchange: Linux tells a stream from a question after 2 s */

enum {
	TRIES = 2, /* packets of one request */
	FILLER = 72, /* octets: a request is no shorter than its answer */
};

static const uint16_t silence_s[LIFETIME_PROBES] = { 10, 20, 30, 45, 60, 90 };

void lifetime_start(struct lifetime *l, uint64_t seed, nsec_t now)
{
	memset(l, 0, sizeof(*l));
	l->prng.state = seed;
	l->running = true;
	for (unsigned i = 0; i < LIFETIME_PROBES; i++)
		l->probe[i].due = now;
}

void lifetime_stop(struct lifetime *l)
{
	l->running = false;
}

bool lifetime_running(const struct lifetime *l)
{
	return l->running;
}

static bool is_over(enum lifetime_step s)
{
	return s == LIFETIME_ALIVE || s == LIFETIME_DEAD || s == LIFETIME_FAILED;
}

/* is_decided() - the control failed, two in a row are dead, or all are over */
static bool is_decided(const struct lifetime *l)
{
	bool all = true;

	if (is_over(l->probe[0].step) && l->probe[0].step != LIFETIME_ALIVE)
		return true;
	for (unsigned i = 0; i < LIFETIME_PROBES; i++) {
		all &= is_over(l->probe[i].step);
		if (i && l->probe[i].step == LIFETIME_DEAD &&
		    l->probe[i - 1].step == LIFETIME_DEAD)
			return true;
	}
	return all;
}

static void turn(struct lifetime *l, unsigned i, enum lifetime_step step, nsec_t due)
{
	l->probe[i].step = step;
	l->probe[i].due = due;
	l->probe[i].tries = 0;
}

/* give_up() - a request was not answered, whatever it was for */
static void give_up(struct lifetime *l, unsigned i, nsec_t now)
{
	switch (l->probe[i].step) {
	case LIFETIME_OPENING:
		turn(l, i, LIFETIME_FAILED, NSEC_NEVER);
		return;
	case LIFETIME_OPENED: /* its packet went out all the same */
		turn(l, i, LIFETIME_SILENT, nsec_add(now, SEC(silence_s[i])));
		return;
	case LIFETIME_ASKED:
		turn(l, i, LIFETIME_DEAD, NSEC_NEVER);
		return;
	case LIFETIME_SILENT:
	case LIFETIME_ALIVE:
	case LIFETIME_DEAD:
	case LIFETIME_FAILED:
		return;
	}
}

static void write_request(struct lifetime *l, unsigned i, struct lifetime_send *out)
{
	struct stun_message m = { .class = STUN_REQUEST, .filler = FILLER };
	uint64_t r[2] = { prng_u64(&l->prng), prng_u64(&l->prng) };

	memcpy(l->probe[i].txid.b, r, STUN_TXID_OCTETS);
	m.txid = l->probe[i].txid;
	out->probe = i;
	out->asker = l->probe[i].step == LIFETIME_ASKED;
	if (out->asker)
		m.response_port = l->probe[i].mapped;
	out->n = stun_write(&m, out->message);
}

/* probe_poll() - true: it sends */
static bool probe_poll(struct lifetime *l, unsigned i, struct lifetime_send *out, nsec_t now)
{
	if (l->probe[i].step == LIFETIME_SILENT)
		turn(l, i, LIFETIME_ASKED, now);
	if (l->probe[i].tries == TRIES) {
		give_up(l, i, now);
		return false;
	}
	l->probe[i].tries++;
	l->probe[i].due = nsec_add(now, PATIENCE);
	write_request(l, i, out);
	return true;
}

bool lifetime_poll(struct lifetime *l, struct lifetime_send *out, nsec_t now)
{
	for (unsigned i = 0; l->running && i < LIFETIME_PROBES; i++)
		if (l->probe[i].due <= now && probe_poll(l, i, out, now))
			return true;
	if (is_decided(l))
		l->running = false;
	return false;
}

nsec_t lifetime_next(const struct lifetime *l)
{
	nsec_t next = NSEC_NEVER;

	if (!l->running)
		return NSEC_NEVER;
	if (is_decided(l))
		return 0;
	for (unsigned i = 0; i < LIFETIME_PROBES; i++)
		next = nsec_min(next, l->probe[i].due);
	return next;
}

enum drop lifetime_input(struct lifetime *l, unsigned i, const uint8_t *m, size_t n,
			 nsec_t now)
{
	struct stun_message s;
	enum drop d = stun_parse(m, n, &s);

	if (d != DROP_NONE)
		return d;
	if (!l->running || i >= LIFETIME_PROBES || s.class != STUN_SUCCESS ||
	    memcmp(&s.txid, &l->probe[i].txid, sizeof(s.txid)))
		return DROP_STUN_UNEXPECTED;
	switch (l->probe[i].step) {
	case LIFETIME_OPENING:
		if (!s.mapped.port)
			return DROP_STUN_UNEXPECTED;
		l->probe[i].mapped = s.mapped.port;
		turn(l, i, LIFETIME_OPENED, nsec_add(now, SECOND));
		return DROP_NONE;
	case LIFETIME_OPENED:
		turn(l, i, LIFETIME_SILENT, nsec_add(now, SEC(silence_s[i])));
		return DROP_NONE;
	case LIFETIME_ASKED:
		turn(l, i, LIFETIME_ALIVE, NSEC_NEVER);
		return DROP_NONE;
	case LIFETIME_SILENT: /* a second copy; it makes the mapping younger */
	case LIFETIME_ALIVE:
	case LIFETIME_DEAD:
	case LIFETIME_FAILED:
		return DROP_STUN_UNEXPECTED;
	}
	return DROP_STUN_UNEXPECTED;
}

struct lifetime_result lifetime_result(const struct lifetime *l)
{
	struct lifetime_result r = { 0, 0 };

	if (l->probe[0].step != LIFETIME_ALIVE)
		return r;
	for (unsigned i = 0; i < LIFETIME_PROBES; i++) {
		if (l->probe[i].step == LIFETIME_ALIVE)
			r = (struct lifetime_result){ silence_s[i], 0 };
		else if (l->probe[i].step == LIFETIME_DEAD && !r.died_s)
			r.died_s = silence_s[i];
	}
	return r;
}

unsigned lifetime_keepalive(const struct lifetime_result *r)
{
	unsigned s = r->lived_s * 7u / 10;

	if (!r->lived_s)
		return 0;
	if (s < LIFETIME_KEEP_MIN)
		return LIFETIME_KEEP_MIN;
	return s > LIFETIME_KEEP_MAX ? LIFETIME_KEEP_MAX : s;
}
