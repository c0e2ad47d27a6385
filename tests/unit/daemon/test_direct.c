/* SPDX-License-Identifier: MIT
 *
 * test_direct.c - two nodes on loopback: who is proved, who is turned away; cross.h's
 * question to a server
 */
#include "tests/unit/unit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stream.h"
#include "daemon/cross.h"
#include "daemon/direct.h"
#include "relay/seen.h"

#define PATIENCE SEC(20)

enum {
	EPOCH = 7,
};

struct side {
	struct node *n;
	struct peer peer; /* as it sees the other */
};

static struct loop loop;
static struct loop_timer ticker;
static struct side a, b; /* a dials b */
static struct endpoint listens; /* b */
static struct prefix overlay[2];
static bool closed;
static unsigned few; /* file descriptors when there are no nodes */

static void on_tick(struct loop_timer *t, nsec_t now)
{
	loop_timer_at(t, now + MSEC(1));
}

static void make_peer(struct side *s, const struct key_private *own,
		      const struct key_public *self, const struct key_public *other)
{
	struct pathset_params p = { .self_private = own, .self = *self,
				    .peer = *other, .box_counter = time_wall(),
				    .seed = 1, .overlay = overlay };

	s->peer.key = *other;
	s->peer.paths = pathset_new(&p);
	assert_non_null(s->peer.paths);
	pathset_hint(s->peer.paths, EPOCH, s->peer.hints[1]);
	assert_int_equal(hmap_put(&s->n->by_hint, hmap_mix(s->peer.hints[1], 0),
				  &s->peer), 0);
}

static void make_node(struct side *s)
{
	s->n = calloc(1, sizeof(*s->n));
	assert_non_null(s->n);
	s->n->loop = loop;
	s->n->epoch = EPOCH;
	s->n->conf.tcp_port = 0;
	assert_int_equal(direct_start(s->n), 0);
	assert_int_equal(cross_start(s->n), 0);
}

/* listen_somewhere() - b takes a port and announces it at its only address */
static void listen_somewhere(void)
{
	struct candidate_list l = { .count = 0 };

	b.n->host_count = 1;
	assert_true(ipaddr_parse("10.0.0.9", &b.n->hosts[0].ip));
	for (uint16_t port = 42000; port < 42100 && !l.count; port++) {
		b.n->conf.tcp_port = port;
		direct_listen(b.n);
		direct_candidates(b.n, &l);
	}
	assert_int_equal(l.count, 1);
	assert_int_equal(l.c[0].kind, CANDIDATE_TCP);
	assert_true(ipaddr_eq(&l.c[0].at.ip, &b.n->hosts[0].ip));
	listens.port = l.c[0].at.port;
	assert_true(ipaddr_parse("127.0.0.1", &listens.ip));
}

static unsigned descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static int setup(void **state)
{
	struct key_private k[2];
	struct key_public pub[2];

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	if (key_setup() || loop_init(&loop) ||
	    loop_timer_init(&loop, &ticker, on_tick))
		return -1;
	few = descriptors();
	for (unsigned i = 0; i < 2; i++) {
		key_private_generate(&k[i]);
		key_public_of(&k[i], &pub[i]);
	}
	make_node(&a);
	make_node(&b);
	make_peer(&a, &k[0], &pub[0], &pub[1]);
	make_peer(&b, &k[1], &pub[1], &pub[0]);
	listen_somewhere();
	return 0;
}

static void free_side(struct side *s)
{
	direct_forget(s->n, &s->peer);
	cross_forget(s->n, &s->peer);
	cross_stop(s->n);
	direct_stop(s->n);
	pathset_free(s->peer.paths);
	hmap_done(&s->n->by_hint);
	free(s->n);
}

/* until() - the loop turns until it is so; a loop with nothing to do would wait */
static void until(bool (*is_so)(void))
{
	nsec_t end = time_now() + PATIENCE;

	loop_timer_at(&ticker, time_now());
	while (!is_so()) {
		assert_true(time_now() < end);
		loop_turn(&loop);
	}
}

/* is_quiet() - streams that are being finished have gone too */
static bool is_quiet(void)
{
	return descriptors() == few;
}

static int teardown(void **state)
{
	(void)state;
	free_side(&a);
	free_side(&b);
	until(is_quiet);
	loop_timer_done(&ticker);
	loop_done(&loop);
	return 0;
}

static bool both_proved(void)
{
	return direct_port(a.n, &a.peer, PATHSET_STREAM) &&
	       direct_port(b.n, &b.peer, PATHSET_STREAM + 1);
}

static bool b_alone(void)
{
	return !direct_port(b.n, &b.peer, PATHSET_STREAM + 1);
}

static uint64_t drops(const struct side *s, enum drop d)
{
	return atomic_load(&s->n->drops.n[d]);
}

static void a_dial_proves_both(void **state)
{
	unsigned port, socket;

	(void)state;
	direct_dial(a.n, &a.peer, &listens);
	until(both_proved);
	port = direct_port(b.n, &b.peer, PATHSET_STREAM + 1);
	assert_true(port >= WORKER_DIRECT_PORT);
	assert_ptr_equal(direct_peer(b.n, port, &socket), &b.peer);
	assert_int_equal(socket, PATHSET_STREAM + 1);
	assert_non_null(direct_trunk(b.n, port));
	assert_int_equal(direct_port(b.n, &b.peer, PATHSET_STREAM), 0);
	assert_null(direct_peer(b.n, port + 1, &socket));
	assert_null(direct_trunk(b.n, 3));
	direct_forget(a.n, &a.peer);
	assert_int_equal(direct_port(a.n, &a.peer, PATHSET_STREAM), 0);
	until(b_alone);
}

static unsigned first;

static bool moved(void)
{
	return direct_port(a.n, &a.peer, PATHSET_STREAM) != first;
}

static void a_newer_stream_takes_the_place(void **state)
{
	unsigned socket;

	(void)state;
	direct_dial(a.n, &a.peer, &listens);
	until(both_proved);
	first = direct_port(a.n, &a.peer, PATHSET_STREAM);
	direct_dial(a.n, &a.peer, &listens);
	until(moved);
	assert_null(direct_peer(a.n, first, &socket));
	until(both_proved);
}

static const char *outcome(struct side *s)
{
	struct pathset_trial t[40];
	unsigned n = pathset_explain(s->peer.paths, t, 40, &(nsec_t){ 0 });

	return n ? t[n - 1].outcome : "";
}

static bool a_failed(void)
{
	return *outcome(&a) != 0;
}

static void who_is_not_known_is_turned_away(void **state)
{
	(void)state;
	hmap_clear(&b.n->by_hint);
	direct_dial(a.n, &a.peer, &listens);
	until(a_failed);
	assert_int_equal(drops(&b, DROP_DISCO_UNKNOWN), 1);
	assert_int_equal(direct_port(a.n, &a.peer, PATHSET_STREAM), 0);
	assert_true(b_alone());
}

static void who_has_another_key_is_turned_away(void **state)
{
	struct key_private k;
	struct key_public pub;

	(void)state;
	key_private_generate(&k);
	key_public_of(&k, &pub);
	pathset_free(b.peer.paths); /* the hint is still found, the key not right */
	memset(&b.peer.hints[0], 0, sizeof(b.peer.hints[0]));
	{
		struct pathset_params p = { .self_private = &k, .self = pub,
					    .peer = a.peer.key, .seed = 1,
					    .box_counter = 1, .overlay = overlay };

		b.peer.paths = pathset_new(&p);
	}
	direct_dial(a.n, &a.peer, &listens);
	until(a_failed);
	assert_int_equal(drops(&b, DROP_DISCO_CRYPTO), 1);
	assert_true(b_alone());
}

static void on_opened(void *owner, struct stream *s)
{
	(void)owner;
	assert_true(stream_send(s, "not one of us", 13));
}

static void on_closed(void *owner, struct stream *s, const char *why)
{
	(void)owner;
	(void)s;
	(void)why;
	closed = true;
}

static bool is_closed(void)
{
	return closed;
}

static void a_stranger_is_counted(void **state)
{
	const struct stream_events e = { .opened = on_opened,
					 .closed = on_closed };
	char url[64];

	(void)state;
	closed = false;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", listens.port);
	assert_non_null(stream_connect(&loop, url, DIRECT_PATH, SEC(5), 0, &e));
	until(is_closed);
	assert_int_equal(drops(&b, DROP_STREAM_UNPROVED), 1);
	closed = false;
	assert_non_null(stream_connect(&loop, url, "/", SEC(5), 0, &e));
	until(is_closed); /* no such page */
	assert_int_equal(drops(&b, DROP_STREAM_UNPROVED), 1);
}

static void on_opened_with_much(void *owner, struct stream *s)
{
	uint8_t m[DIRECT_HELLO_MAX + 1] = { 0xad, 0x17, 0xd1, 0x5c };

	(void)owner;
	/* if it were read it would count as something else */
	memcpy(m + 4, b.peer.hints[1], sizeof(b.peer.hints[1]));
	(void)!stream_send(s, m, sizeof(m));
}

static void too_long_a_hello_is_cut(void **state)
{
	const struct stream_events e = { .opened = on_opened_with_much,
					 .closed = on_closed };
	char url[64];

	(void)state;
	closed = false;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", listens.port);
	assert_non_null(stream_connect(&loop, url, DIRECT_PATH, SEC(15), 0, &e));
	until(is_closed);
	assert_int_equal(drops(&b, DROP_STREAM_UNPROVED), 1);
}

static unsigned opened;

static void on_opened_mute(void *owner, struct stream *s)
{
	(void)owner;
	(void)s;
	opened++;
}

static bool all_opened_or_one_closed(void)
{
	return opened == DIRECT_UNPROVED || closed;
}

static void few_may_be_waiting_for_their_proof(void **state)
{
	const struct stream_events e = { .opened = on_opened_mute,
					 .closed = on_closed };
	struct stream *s[DIRECT_UNPROVED];
	char url[64];

	(void)state;
	opened = 0;
	closed = false;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", listens.port);
	for (unsigned i = 0; i < DIRECT_UNPROVED; i++) {
		s[i] = stream_connect(&loop, url, DIRECT_PATH, SEC(15), 0, &e);
		assert_non_null(s[i]);
	}
	until(all_opened_or_one_closed);
	assert_false(closed);
	assert_non_null(stream_connect(&loop, url, DIRECT_PATH, SEC(15), 0, &e));
	until(is_closed);
	assert_int_equal(drops(&b, DROP_STREAM_REFUSED), 1);
	for (unsigned i = 0; i < DIRECT_UNPROVED; i++)
		stream_free(s[i]);
}

static void many_of_one_source_are_refused(void **state)
{
	const struct stream_events e = { .closed = on_closed };
	char url[64];

	(void)state;
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", listens.port);
	/* so many that no machine is slow enough for the bucket to refill */
	for (unsigned i = 0; i < 10 * DIRECT_BURST; i++) {
		closed = false;
		assert_non_null(stream_connect(&loop, url, "/", SEC(5), 0, &e));
		until(is_closed);
		if (drops(&b, DROP_STREAM_REFUSED))
			return;
	}
	fail_msg("all of them were let in");
}

static void nothing_listens_when_off(void **state)
{
	struct candidate_list l = { .count = 0 };

	(void)state;
	b.n->conf.tcp_port = 0;
	direct_listen(b.n);
	direct_candidates(b.n, &l);
	assert_int_equal(l.count, 0);
	b.n->conf.tcp_port = NODE_CONF_TCP_AUTO; /* its only address is private */
	direct_listen(b.n);
	direct_candidates(b.n, &l);
	assert_int_equal(l.count, 0);
	direct_dial(a.n, &a.peer, &listens);
	until(a_failed);
	assert_string_equal(outcome(&a), "Connection refused");
}

/* ---- cross ---- */

static struct endpoint asked_from;

static void on_asked(void *owner, struct stream *s)
{
	uint8_t m[SEEN_OCTETS];

	(void)owner;
	asked_from = stream_remote(s);
	seen_write(&asked_from, m);
	assert_true(stream_send(s, m, sizeof(m)));
	stream_finish(s);
}

static bool was_asked(void)
{
	return asked_from.port != 0;
}

static void a_server_is_asked(void **state)
{
	struct stream_server_params p = { .loop = &loop, .connections_max = 4,
					  .handshake_timeout = SEC(5),
					  .path = SEEN_PATH,
					  .events = { .opened = on_asked } };
	struct stream_server *v;
	char why[256];

	(void)state;
	memset(&asked_from, 0, sizeof(asked_from));
	assert_true(ipaddr_parse("127.0.0.1", &p.listen.ip));
	v = stream_server_new(&p, why);
	assert_non_null(v);
	snprintf(a.n->relays[2].info.url, sizeof(a.n->relays[2].info.url),
		 "https://127.0.0.1:%u", stream_server_port(v));
	cross_ask(a.n, &a.peer); /* not registered there: nobody to ask */
	a.n->relays[2].status.registered = true;
	cross_ask(a.n, &a.peer);
	until(was_asked);
	cross_forget(a.n, &a.peer);
	memset(&asked_from, 0, sizeof(asked_from));
	cross_ask(a.n, &a.peer); /* from another port, that is free */
	until(was_asked);
	stream_server_free(v);
}

static void without_a_port_nobody_is_connected_to(void **state)
{
	(void)state;
	cross_connect(a.n, &a.peer, &listens);
	assert_string_equal(outcome(&a), "the port has gone");
}

static void our_face_is_announced_only_without_udp(void **state)
{
	struct candidate_list l = { .count = 0 };
	struct endpoint at;

	(void)state;
	assert_true(endpoint_parse("198.51.100.3:40000", &at));
	snprintf(a.n->state.coord.url, sizeof(a.n->state.coord.url),
		 "https://192.0.2.9");
	a.n->ports[0].udp[0].port = 5000;
	cross_candidates(a.n, &l);
	assert_int_equal(l.count, 0);
	cross_seen(a.n, &at, time_now());
	cross_candidates(a.n, &l);
	assert_int_equal(l.count, 0); /* UDP works, as far as we know */
	a.n->no_udp = true;
	cross_candidates(a.n, &l);
	assert_int_equal(l.count, 1);
	assert_true(ipaddr_eq(&l.c[0].at.ip, &at.ip));
	assert_int_equal(l.c[0].at.port, 5000);
	l.count = 0;
	assert_true(proxy_parse("http://192.0.2.1:3128", &a.n->proxy));
	cross_seen(a.n, &at, time_now()); /* that is the proxy */
	cross_candidates(a.n, &l);
	assert_int_equal(l.count, 0);
	memset(&a.n->proxy, 0, sizeof(a.n->proxy));
	assert_true(endpoint_parse("10.0.0.7:40000", &at));
	cross_seen(a.n, &at, time_now()); /* a server next door */
	cross_candidates(a.n, &l);
	assert_int_equal(l.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		WITH(a_dial_proves_both),
		WITH(a_newer_stream_takes_the_place),
		WITH(who_is_not_known_is_turned_away),
		WITH(who_has_another_key_is_turned_away),
		WITH(a_stranger_is_counted),
		WITH(too_long_a_hello_is_cut),
		WITH(few_may_be_waiting_for_their_proof),
		WITH(many_of_one_source_are_refused),
		WITH(nothing_listens_when_off),
		WITH(a_server_is_asked),
		WITH(without_a_port_nobody_is_connected_to),
		WITH(our_face_is_announced_only_without_udp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
