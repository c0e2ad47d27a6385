/* SPDX-License-Identifier: MIT
 *
 * test_lifetime.c - the NAT's idle mappings: kept for some time, asked after, lost
 *
 * The test is the NAT and the server behind it.
 */
#include "tests/unit/unit.h"

#include "traversal/lifetime.h"

#define T0 SEC(1000)

struct world {
	struct lifetime l;
	nsec_t keeps; /* the NAT: an idle mapping */
	nsec_t used[LIFETIME_PROBES]; /* its last packet; 0: none */
	bool ignorant; /* the server answers to where the question came from */
	bool deaf; /* no server at all */
	unsigned lose; /* bit i: the asker's i-th packet is lost */
	unsigned asked, packets;
	nsec_t now;
	nsec_t known; /* when a result was there first; 0: never */
};

static struct stun_message parse(const struct lifetime_send *s)
{
	struct stun_message m;

	assert_int_equal(stun_parse(s->message, s->n, &m), DROP_NONE);
	assert_int_equal(m.class, STUN_REQUEST);
	return m;
}

static void answer(struct world *w, unsigned probe, const struct stun_message *q)
{
	struct stun_message m = { .class = STUN_SUCCESS, .txid = q->txid };
	uint8_t buf[STUN_MAX];
	size_t n;

	assert_true(endpoint_parse("203.0.113.7:1", &m.mapped));
	m.mapped.port = (uint16_t)(40000 + probe);
	n = stun_write(&m, buf);
	assert_int_equal(lifetime_input(&w->l, probe, buf, n, w->now), DROP_NONE);
}

static void take(struct world *w, const struct lifetime_send *s)
{
	struct stun_message q = parse(s);

	w->packets++;
	if (w->deaf)
		return;
	if (!s->asker) {
		assert_int_equal(q.response_port, 0);
		w->used[s->probe] = w->now;
		answer(w, s->probe, &q);
		return;
	}
	assert_int_equal(q.response_port, 40000 + s->probe);
	if (w->lose & 1u << w->asked++)
		return;
	if (!w->ignorant && w->now - w->used[s->probe] < w->keeps)
		answer(w, s->probe, &q);
}

static struct lifetime_result run(struct world *w)
{
	struct lifetime_send s;

	w->now = T0;
	lifetime_start(&w->l, 1, w->now);
	for (unsigned turns = 0; lifetime_running(&w->l); turns++) {
		assert_true(turns < 200);
		w->now = nsec_max(w->now, lifetime_next(&w->l));
		while (lifetime_poll(&w->l, &s, w->now))
			take(w, &s);
		if (!w->known && lifetime_result(&w->l).died_s)
			w->known = w->now;
	}
	assert_true(lifetime_next(&w->l) == NSEC_NEVER);
	return lifetime_result(&w->l);
}

static void every_lifetime(void **state)
{
	static const struct {
		unsigned keeps_s, lived, died, keepalive;
	} rows[] = {
		{ 12, 10, 20, 10 }, { 25, 20, 30, 14 }, { 31, 30, 45, 21 },
		{ 50, 45, 60, 31 }, { 65, 60, 90, 42 }, { 120, 90, 0, 55 },
		{ 5, 0, 0, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world w = { .keeps = SEC(rows[i].keeps_s) };
		struct lifetime_result r = run(&w);

		assert_int_equal(r.lived_s, rows[i].lived);
		assert_int_equal(r.died_s, rows[i].died);
		assert_int_equal(lifetime_keepalive(&r), rows[i].keepalive);
		assert_in_range(w.packets, 14, 20);
		assert_true(w.now - T0 < SEC(95));
	}
}

/* told as soon as a silence was not survived, not at the end of the run */
static void it_is_told_early(void **state)
{
	struct world w = { .keeps = SEC(25) };

	(void)state;
	(void)run(&w);
	assert_true(w.known - T0 < SEC(36));
}

static void lost_answers_are_forgiven(void **state)
{
	struct world w = { .keeps = SEC(120), .lose = 1u << 0 | 1u << 3 };
	struct lifetime_result r = run(&w);

	(void)state;
	assert_int_equal(r.lived_s, 90);
	/* both about one silence: a longer one proves it wrong */
	w = (struct world){ .keeps = SEC(120), .lose = 1u << 2 | 1u << 3 };
	r = run(&w);
	assert_int_equal(r.lived_s, 90);
	assert_int_equal(r.died_s, 0);
}

static void nothing_is_made_up(void **state)
{
	struct world w = { .keeps = SEC(120), .ignorant = true };
	struct lifetime_result r = run(&w);

	(void)state;
	assert_int_equal(r.lived_s, 0);
	assert_int_equal(lifetime_keepalive(&r), 0);
	w = (struct world){ .deaf = true };
	r = run(&w);
	assert_int_equal(r.lived_s, 0);
	assert_int_equal(w.packets, 12);
}

static void strangers_are_refused(void **state)
{
	struct world w = { .keeps = SEC(120) };
	struct stun_message m = { .class = STUN_SUCCESS };
	struct lifetime_send s;
	uint8_t buf[STUN_MAX];
	size_t n;

	(void)state;
	lifetime_start(&w.l, 1, T0);
	assert_true(lifetime_poll(&w.l, &s, T0));
	assert_true(endpoint_parse("203.0.113.7:5", &m.mapped));
	n = stun_write(&m, buf); /* another transaction */
	assert_int_equal(lifetime_input(&w.l, 0, buf, n, T0), DROP_STUN_UNEXPECTED);
	m.txid = parse(&s).txid;
	n = stun_write(&m, buf);
	assert_int_equal(lifetime_input(&w.l, 1, buf, n, T0), DROP_STUN_UNEXPECTED);
	assert_int_equal(lifetime_input(&w.l, 99, buf, n, T0), DROP_STUN_UNEXPECTED);
	assert_int_equal(lifetime_input(&w.l, 0, buf, n - 1, T0), DROP_STUN_MALFORMED);
	m.mapped.port = 0;
	n = stun_write(&m, buf);
	assert_true(lifetime_input(&w.l, 0, buf, n, T0) != DROP_NONE);
	lifetime_stop(&w.l);
	m.mapped.port = 5;
	n = stun_write(&m, buf);
	assert_int_equal(lifetime_input(&w.l, 0, buf, n, T0), DROP_STUN_UNEXPECTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_lifetime),
		cmocka_unit_test(it_is_told_early),
		cmocka_unit_test(lost_answers_are_forgiven),
		cmocka_unit_test(nothing_is_made_up),
		cmocka_unit_test(strangers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
