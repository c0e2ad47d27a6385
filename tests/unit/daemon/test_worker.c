/* SPDX-License-Identifier: MIT
 *
 * test_worker.c - two nodes' workers over loopback, socket pairs in place of TUN
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/worker.h"

enum {
	WORKERS = 2,
	VNET = DEVICE_VNET_OCTETS,
	WAIT_MS = 10000, /* before a test fails */
};

/* One node: its half of the packet path, and the far ends of its TUN queues. */
struct half {
	struct fwd fwd;
	struct device device;
	int tun[WORKERS];
	struct port ports[WORKER_PORTS_MAX];
	struct ring rings[WORKERS];
	struct worker workers[WORKERS];
	unsigned running;
	int notes_fd;
	struct identity id;
	struct tunnel *tunnel;
	struct fwd_peer *peer, *stranger; /* stranger: without a session */
};

static struct half a, b;

static void open_half(struct half *h)
{
	struct udp_params p = { .local = { .ip = ipaddr_v4(0x7f000001) },
				.reuse_port = true, .gro = true,
				.buffer_octets = 4 << 20 };

	memset(h, 0, sizeof(*h));
	assert_int_equal(fwd_init(&h->fwd), 0);
	h->notes_fd = eventfd(0, EFD_NONBLOCK);
	h->device.queues = WORKERS;
	for (unsigned i = 0; i < WORKERS; i++) {
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK,
					    0, pair), 0);
		h->device.fd[i] = pair[0];
		h->tun[i] = pair[1];
		assert_int_equal(udp_open(&h->ports[0].udp[i], &p), 0);
		p.local.port = h->ports[0].udp[0].port;
		assert_int_equal(ring_init(&h->rings[i], sizeof(struct note),
					   WORKER_RING_SLOTS), 0);
	}
	atomic_store(&h->ports[0].open, true);
	key_private_generate(&h->id.private_key);
	key_public_of(&h->id.private_key, &h->id.public_key);
	h->peer = fwd_peer_new(&h->fwd);
	h->stranger = fwd_peer_new(&h->fwd);
	assert_non_null(h->peer);
	assert_non_null(h->stranger);
}

static void start(struct half *h)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &h->workers[i];

		w->number = i;
		w->fwd = &h->fwd;
		w->device = &h->device;
		w->lanes.count = 1;
		w->queue = i;
		w->ports = h->ports;
		w->mtu = 1420;
		w->notes = &h->rings[i];
		w->notes_fd = h->notes_fd;
		assert_int_equal(worker_start(w), 0);
		h->running++;
	}
}

static void stop(struct half *h)
{
	while (h->running)
		worker_stop(&h->workers[--h->running]);
}

/* publish() - peer is 10.0.0.N, stranger 10.9.0.N; `peer` is at the other half */
static void publish(struct half *h, const struct half *to, uint8_t number)
{
	struct egress_pair *e = calloc(1, sizeof(*e));
	struct trie *t = trie_new();
	struct prefix peer = prefix_make(ipaddr_v4(0x0a000000u + number), 32);
	struct prefix other = prefix_make(ipaddr_v4(0x0a090000u + number), 32);

	assert_non_null(e);
	e->best = (struct egress){ .usable = true };
	e->best.to.ip = ipaddr_v4(0x7f000001);
	e->best.to.port = to->ports[0].udp[0].port;
	fwd_set_egress(&h->fwd, h->peer, e);
	assert_int_equal(trie_insert(t, &peer, h->peer->slot), 0);
	assert_int_equal(trie_insert(t, &other, h->stranger->slot), 0);
	fwd_set_routes(&h->fwd, t);
}

static void make_tunnel(struct half *h, const struct half *to)
{
	struct tunnel_params p = { .self = &h->id, .peer = to->id.public_key,
				   .slot = h->peer->slot, .seed = 1,
				   .wall = SEC(1600000000) };

	h->tunnel = tunnel_new(&p);
	assert_non_null(h->tunnel);
}

/* take_events() - carry out what the tunnel asks; the last message into m */
static size_t take_events(struct half *h, uint8_t *m, nsec_t now)
{
	struct tunnel_event ev;
	size_t n = 0;

	do {
		tunnel_poll(h->tunnel, &ev, now);
		if (ev.kind == TUNNEL_SEND) {
			n = ev.n;
			memcpy(m, ev.message, n);
		} else if (ev.kind == TUNNEL_SESSION_ADD) {
			fwd_session_add(&h->fwd, ev.session);
		} else if (ev.kind == TUNNEL_SESSION_USE) {
			fwd_session_use(h->peer, ev.session);
		} else if (ev.kind == TUNNEL_SESSION_RETIRE) {
			fwd_session_retire(&h->fwd, ev.session);
		}
	} while (ev.kind != TUNNEL_IDLE);
	return n;
}

/* connect_at() - a handshake from a to b */
static void connect_at(nsec_t now)
{
	uint8_t m[TUNNEL_MESSAGE_MAX];
	struct initiation i;
	size_t n;

	make_tunnel(&a, &b);
	make_tunnel(&b, &a);
	tunnel_want(a.tunnel, now);
	n = take_events(&a, m, now);
	assert_int_equal(initiation_open(&b.id, m, n, &i), DROP_NONE);
	assert_int_equal(tunnel_input_initiation(b.tunnel, &i, now), DROP_NONE);
	n = take_events(&b, m, now);
	assert_int_equal(tunnel_input_response(a.tunnel, m, n, now), DROP_NONE);
	take_events(&a, m, now);
	publish(&a, &b, 2);
	publish(&b, &a, 1);
}

static void close_half(struct half *h)
{
	uint8_t m[TUNNEL_MESSAGE_MAX];

	stop(h);
	if (h->tunnel) {
		tunnel_reset(h->tunnel, time_now());
		take_events(h, m, time_now());
		tunnel_free(h->tunnel);
	}
	fwd_peer_remove(&h->fwd, h->peer);
	fwd_peer_remove(&h->fwd, h->stranger);
	fwd_done(&h->fwd);
	for (unsigned i = 0; i < WORKERS; i++) {
		udp_close(&h->ports[0].udp[i]);
		ring_done(&h->rings[i]);
		close(h->device.fd[i]);
		close(h->tun[i]);
	}
	close(h->notes_fd);
}

static int setup(void **state)
{
	(void)state;
	open_half(&a);
	open_half(&b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close_half(&a);
	close_half(&b);
	return 0;
}

/* write_packet() - an IPv4 packet 10.0.0.1 -> 10.NET.0.2 of n octets, all `fill`, into
 * a's TUN; false: no room there */
static bool write_packet(unsigned queue, uint8_t net, size_t n, uint8_t fill)
{
	uint8_t p[VNET + 1500] = { 0 };
	uint8_t *ip = p + VNET;

	memset(ip + 20, fill, n - 20);
	ip[0] = 0x45;
	ip[2] = (uint8_t)(n >> 8);
	ip[3] = (uint8_t)n;
	ip[8] = 64;
	ip[9] = 253; /* experimentation, RFC 3692 */
	memcpy(ip + 12, (uint8_t[]){ 10, 0, 0, 1, 10, net, 0, 2 }, 8);
	return write(a.tun[queue], p, VNET + n) == (ssize_t)(VNET + n);
}

static void put(unsigned queue, uint8_t net, size_t n, uint8_t fill)
{
	assert_true(write_packet(queue, net, n, fill));
}

static void wait_for(const int *fds, unsigned count)
{
	struct pollfd p[WORKERS];

	for (unsigned i = 0; i < count; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	assert_true(poll(p, count, WAIT_MS) > 0);
}

/* get() - one packet from b's TUN, whichever queue; its fill, its length */
static uint8_t get(size_t *n)
{
	uint8_t p[VNET + 1500];
	ssize_t got = -1;

	wait_for(b.tun, WORKERS);
	for (unsigned i = 0; i < WORKERS && got < 0; i++)
		got = read(b.tun[i], p, sizeof(p));
	assert_true(got >= VNET + 21);
	*n = (size_t)got - VNET;
	for (size_t i = 21; i < *n; i++)
		assert_int_equal(p[VNET + i], p[VNET + 20]);
	return p[VNET + 20];
}

static void packets_cross(void **state)
{
	unsigned seen[256] = { 0 };
	size_t n;

	(void)state;
	connect_at(time_now());
	start(&a);
	start(&b);
	for (unsigned round = 0; round < 40; round++) {
		for (unsigned i = 0; i < 5; i++)
			put(i % WORKERS, 0, 100 + 13 * round, (uint8_t)i);
		/* replaced under the workers: nothing is lost or freed early */
		publish(&a, &b, 2);
		publish(&b, &a, 1);
		for (unsigned i = 0; i < 5; i++) {
			seen[get(&n)]++;
			assert_int_equal(n, 100 + 13 * round);
		}
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(seen[i], 40);
	assert_int_equal(atomic_load(&a.peer->tx_packets), 200);
	assert_int_equal(atomic_load(&b.peer->rx_packets), 200);
}

/* Packets of one turn, every second for a peer without a session: each gets its own. */
static void staged_beside_sealed(void **state)
{
	size_t n;

	(void)state;
	connect_at(time_now());
	for (unsigned i = 0; i < 4; i++) {
		put(0, 0, 600, 1);
		put(0, 9, 600, 2);
	}
	start(&a);
	start(&b);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(get(&n), 1);
	stop(&a);
	for (unsigned i = 0; i < 4;) {
		struct note *note = ring_peek(&a.rings[0]);

		assert_non_null(note);
		if (note->kind == NOTE_STAGE) {
			assert_int_equal(note->number, a.stranger->number);
			assert_int_equal(note->n, 600);
			assert_int_equal(note->data[599], 2);
			i++;
		}
		ring_release(&a.rings[0]);
	}
}

/* A super-packet of more packets than one call seals, for an expired session. */
static void expired_super_packet(void **state)
{
	enum {
		SIZE = 500,
		COUNT = 100,
		LENGTH = 40 + COUNT * SIZE
	};
	static uint8_t p[VNET + LENGTH];
	uint8_t *ip = p + VNET;

	(void)state;
	connect_at(time_now() - SEC(181)); /* REJECT_AFTER_TIME, 6.1 */
	memcpy(p, (uint8_t[]){ 1, 1, 40, 0, SIZE & 255, SIZE >> 8, 20, 0, 16 },
	       9);
	ip[0] = 0x45;
	ip[2] = LENGTH >> 8;
	ip[3] = LENGTH & 255;
	ip[8] = 64;
	ip[9] = 6;
	memcpy(ip + 12, (uint8_t[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	ip[20 + 12] = 5 << 4;
	ip[20 + 13] = 0x10; /* ACK */
	assert_int_equal(write(a.tun[0], p, sizeof(p)), sizeof(p));
	start(&a);
	wait_for(&a.notes_fd, 1); /* it asks for a new session */
	stop(&a);
	assert_int_equal(atomic_load(&a.workers[0].drops.n[DROP_SESSION_EXPIRED]),
			 COUNT);
}

/* A device that takes no more: what is not written is counted, to the packet. */
static void refused_writes_are_counted(void **state)
{
	enum {
		SENT = 200 /* many more than a socket pair holds */
	};
	uint64_t done = 0, refused = 0;
	unsigned got = 0;
	uint8_t p[VNET + 1500];

	(void)state;
	connect_at(time_now());
	start(&b);
	start(&a);
	for (unsigned i = 0; i < SENT; i++)
		if (write_packet(0, 0, 700, 1))
			done++;
		else
			i--, sched_yield();
	assert_int_equal(done, SENT);
	while (atomic_load(&b.peer->rx_packets) < SENT)
		sched_yield();
	stop(&b);
	for (unsigned i = 0; i < WORKERS; i++) {
		refused += atomic_load(&b.workers[i].drops.n[DROP_TUN_WRITE]);
		while (read(b.tun[i], p, sizeof(p)) > 0)
			got++;
	}
	assert_true(refused > 0);
	assert_int_equal(got + refused, SENT);
}

/* From a queue that stands a large packet is taken, under its name; small ones pass. */
static void standing_queue_gives_way(void **state)
{
	enum {
		SMALL = 8,
		LARGE = 8
	};
	unsigned small = 0, large = 0;
	uint64_t taken = 0;
	size_t n;

	(void)state;
	connect_at(time_now());
	for (unsigned i = 0; i < WORKERS; i++) {
		struct aqm *q = &b.workers[i].rx[0];

		q->window = q->turn = time_now();
		q->waiting = true;
		q->waited = AQM_WINDOW;
		q->standing = 4;
	}
	for (unsigned i = 0; i < SMALL; i++) {
		put(0, 0, 100, 1);
		put(0, 0, 1000, 2);
	}
	start(&a);
	start(&b);
	while (small < SMALL || large + taken < LARGE) {
		if (get(&n) == 1)
			small++;
		else
			large++;
		taken = atomic_load(&b.workers[0].drops.n[DROP_QUEUE_STANDS]) +
			atomic_load(&b.workers[1].drops.n[DROP_QUEUE_STANDS]);
	}
	assert_true(taken > 0);
	assert_int_equal(large + taken, LARGE);
}

/* Wake bits that find the ring full stay, and the control thread is told to look. */
static void wake_with_full_ring(void **state)
{
	struct worker *w = &a.workers[0];

	(void)state;
	w->notes = &a.rings[0];
	while (ring_reserve(w->notes))
		ring_publish(w->notes);
	worker_wake(w, a.peer, SESSION_WAKE_REKEY);
	worker_wake(w, a.peer, SESSION_WAKE_CONFIRMED);
	assert_int_equal(atomic_load(&a.peer->wake),
			 SESSION_WAKE_REKEY | SESSION_WAKE_CONFIRMED);
	assert_true(atomic_load(&w->missed));
	assert_true(w->noted);
}

/* ---- what the network may bring ---- */

/* count_of() - of both of b's workers */
static uint64_t count_of(enum drop d)
{
	return atomic_load(&b.workers[0].drops.n[d]) +
	       atomic_load(&b.workers[1].drops.n[d]);
}

static void wait_count(enum drop d, uint64_t n)
{
	nsec_t end = time_now() + MSEC(WAIT_MS);

	while (count_of(d) < n && time_now() < end)
		sched_yield();
	assert_int_equal(count_of(d), n);
}

static void empty_datagrams_are_counted(void **state)
{
	struct udp_out o = { .data = (const uint8_t *)"", .n = 0 };
	unsigned sent;

	(void)state;
	o.to = (struct endpoint){ ipaddr_v4(0x7f000001), b.ports[0].udp[0].port };
	start(&b);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(udp_send(&a.ports[0].udp[0], &o, 1, &sent), 0);
	wait_count(DROP_TOO_SHORT, 3);
}

static int refuse_receive; /* errno of the next calls; 0: none */

int __real_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags,
		    struct timespec *wait);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags,
		    struct timespec *wait);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags,
		    struct timespec *wait)
{
	if (!refuse_receive)
		return __real_recvmmsg(fd, m, n, flags, wait);
	errno = refuse_receive;
	return -1;
}

static void refused_receives_are_counted(void **state)
{
	static const int refusals[] = { ENOMEM, ENOBUFS, EPERM, ECONNREFUSED };
	struct worker *w = &b.workers[0];

	(void)state;
	start(&b);
	stop(&b);
	assert_int_equal(worker_make_inbound(w), 0);
	w->receive_buffers = malloc((size_t)WORKER_TRAINS * UDP_TRAIN_MAX);
	for (unsigned i = 0; i < 4; i++) {
		refuse_receive = refusals[i];
		assert_false(inbound_turn(w, 0));
		assert_int_equal(count_of(DROP_UDP_RECEIVE), i + 1);
	}
	refuse_receive = EAGAIN; /* nothing is there: nothing was lost */
	assert_false(inbound_turn(w, 0));
	assert_int_equal(count_of(DROP_UDP_RECEIVE), 4);
	refuse_receive = 0;
	free(w->receive_buffers);
	worker_free_inbound(w);
}

/* seal_from_a() - a data message for b with an inner packet of n octets; its octets */
static size_t seal_from_a(uint8_t *m, size_t n, uint8_t fill)
{
	struct session_out out = { .data = m, .inner = n };
	uint8_t *ip = m + sizeof(struct message_data);
	struct session *s = atomic_load(&a.peer->send);
	struct aead_thread *aead = aead_thread_new();
	unsigned wake = 0;

	memset(ip, fill, n);
	memcpy(ip, (uint8_t[]){ 0x45, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 0,
				64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2 }, 20);
	assert_int_equal(session_seal(s, aead, &out, 1, 1420, time_now(), &wake),
			 DROP_NONE);
	aead_thread_free(aead);
	return out.n;
}

/* next_datagram() - among b's notes; others are passed over */
static struct note *next_datagram(void)
{
	struct note *note = ring_peek(&b.rings[0]);

	while (note && note->kind != NOTE_DATAGRAM) {
		ring_release(&b.rings[0]);
		note = ring_peek(&b.rings[0]);
	}
	return note;
}

/* A train is cut where the kernel says, whatever the datagrams say of themselves: each
 * gets a verdict of its own, and none takes another's octets. */
static void mixed_trains(void **state)
{
	enum { SIZE = 1024 };
	static uint8_t train[8 * SIZE];
	uint8_t message[2048];
	struct udp_in in = { .data = train, .segment = SIZE };
	struct worker *w = &b.workers[0];
	size_t n, length;
	struct note *note;

	(void)state;
	connect_at(time_now());
	start(&b);
	stop(&b);
	assert_int_equal(worker_make_inbound(w), 0);
	for (unsigned i = 0; i < sizeof(train); i++)
		train[i] = 0xa5; /* no protocol of ours: to the control thread */
	/* 0: good, fills its datagram. 1: garbage. 2: good, shorter than its datagram:
	 * what follows makes it false. 3: good again. 4: its index is nobody's. 5: says
	 * that it is data and is cut. 6: good, the last and shorter than the others. */
	n = seal_from_a(train, SIZE - 32, 1);
	assert_int_equal(n, SIZE);
	n = seal_from_a(message, 512, 2);
	memcpy(train + 2 * SIZE, message, n);
	assert_int_equal(seal_from_a(train + 3 * SIZE, SIZE - 32, 3), SIZE);
	assert_int_equal(seal_from_a(train + 4 * SIZE, SIZE - 32, 4), SIZE);
	memset(train + 4 * SIZE + 4, 0x77, 4);
	memset(train + 5 * SIZE, 0, SIZE);
	train[5 * SIZE] = MESSAGE_DATA;
	n = seal_from_a(train + 6 * SIZE, 96, 5);
	in.n = 6 * SIZE + n;
	inbound_trains(w, &in, 1, 0);
	assert_int_equal(get(&length), 1);
	assert_int_equal(length, SIZE - 32);
	assert_int_equal(get(&length), 3);
	assert_int_equal(get(&length), 5);
	assert_int_equal(length, 96);
	assert_int_equal(count_of(DROP_DATA_CRYPTO), 1);
	assert_int_equal(count_of(DROP_UNKNOWN_INDEX), 2);
	note = next_datagram();
	assert_non_null(note);
	assert_int_equal(note->n, SIZE);
	assert_int_equal(note->data[0], 0xa5);
	ring_release(&b.rings[0]);
	/* and a last datagram of one octet */
	n = seal_from_a(train, 96, 6);
	train[n] = MESSAGE_DATA;
	in.segment = n;
	in.n = n + 1;
	inbound_trains(w, &in, 1, 0);
	assert_int_equal(get(&length), 6);
	note = next_datagram();
	assert_non_null(note);
	assert_int_equal(note->n, 1);
	assert_int_equal(atomic_load(&b.peer->rx_packets), 4);
	worker_free_inbound(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_datagrams_are_counted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(refused_receives_are_counted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(mixed_trains, setup, teardown),
		cmocka_unit_test_setup_teardown(packets_cross, setup, teardown),
		cmocka_unit_test_setup_teardown(staged_beside_sealed, setup,
						teardown),
		cmocka_unit_test_setup_teardown(expired_super_packet, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refused_writes_are_counted,
						setup, teardown),
		cmocka_unit_test_setup_teardown(standing_queue_gives_way, setup,
						teardown),
		cmocka_unit_test_setup_teardown(wake_with_full_ring, setup,
						teardown),
	};

	if (key_setup() < 0 || aead_setup(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
