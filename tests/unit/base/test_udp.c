/* SPDX-License-Identifier: MIT
 *
 * test_udp.c - a train arrives as the datagrams it was made of
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/rand.h"
#include "base/udp.h"

static uint8_t room[UDP_TRAIN_MAX];

static struct udp open_local(void)
{
	struct udp u;
	struct udp_params p = { .gro = true };

	assert_true(ipaddr_parse("127.0.0.1", &p.local.ip));
	assert_int_equal(udp_open(&u, &p), 0);
	return u;
}

/* receive n octets as datagrams of `segment`, in however many trains */
static void expect_train(struct udp *u, size_t n, size_t segment)
{
	size_t got = 0;

	while (got < n) {
		struct pollfd pf = { .fd = u->fd, .events = POLLIN };
		struct udp_in in = { .data = room, .room = sizeof(room) };

		assert_int_equal(poll(&pf, 1, 1000), 1);
		assert_int_equal(udp_recv(u, &in, 1), 1);
		assert_false(in.truncated);
		assert_true(in.segment == segment || in.n == in.segment);
		for (size_t i = 0; i < in.n; i++)
			assert_int_equal(in.data[i], (uint8_t)((got + i) * 7));
		got += in.n;
	}
	assert_int_equal(got, n);
}

static void trains(bool gso)
{
	struct udp a = open_local(), b = open_local();
	struct endpoint to = { .port = b.port };
	static uint8_t data[10000];
	struct udp_out out;
	unsigned sent;

	a.gso = a.gso && gso;
	assert_true(ipaddr_parse("127.0.0.1", &to.ip));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	out = (struct udp_out){ .to = to, .data = data, .n = 10000,
				.segment = 1400, .from = to.ip };
	assert_int_equal(udp_send(&a, &out, 1, &sent), 0);
	assert_int_equal(sent, 1);
	expect_train(&b, 10000, 1400);
	udp_close(&a);
	udp_close(&b);
}

static void train_by_gso(void **state)
{
	(void)state;
	trains(true);
}

static void train_cut_here(void **state)
{
	(void)state;
	trains(false);
}

/* what the kernel dropped for want of room is told with what comes next */
static void overflow_is_told(void **state)
{
	struct udp a = open_local(), b;
	struct udp_params p = { .buffer_octets = 4096 };
	struct udp_in in = { .data = room, .room = sizeof(room) };
	struct udp_out out = { .data = room, .n = 1000 };
	unsigned sent, got = 0;

	(void)state;
	assert_true(ipaddr_parse("127.0.0.1", &p.local.ip));
	assert_int_equal(udp_open(&b, &p), 0);
	out.to = (struct endpoint){ .ip = p.local.ip, .port = b.port };
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(udp_send(&a, &out, 1, &sent), 0);
	assert_true(udp_backlog(&b) > 0);
	while (udp_recv(&b, &in, 1) == 1)
		got++;
	assert_int_equal(udp_backlog(&b), 0);
	assert_int_equal(udp_send(&a, &out, 1, &sent), 0);
	assert_int_equal(udp_recv(&b, &in, 1), 1);
	assert_true(got < 100);
	assert_int_equal(got + b.lost, 100);
	udp_close(&a);
	udp_close(&b);
}

/* ---- a kernel that refuses ---- */

enum {
	TRAINS = 30, /* of one call */
	NUMBERS = 2048,
};

static struct prng *script; /* NULL: the real kernel */
static uint16_t left_us[NUMBERS]; /* the numbers that datagrams carried, in order */
static unsigned left_count;

static void take_one(const struct msghdr *h)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(h);
	const uint8_t *data = h->msg_iov->iov_base;
	size_t n = h->msg_iov->iov_len, step = n;
	uint16_t segment;

	if (c) {
		memcpy(&segment, CMSG_DATA(c), sizeof(segment));
		step = segment;
	}
	for (size_t at = 0; at < n; at += step) {
		assert_true(left_count < NUMBERS);
		memcpy(&left_us[left_count++], data + at, 2);
	}
}

/* ---- by a translator ---- */

static bool aside; /* what is sent goes nowhere, but where to is kept */
static struct endpoint sent_to;
static struct endpoint comes_from; /* what arrives is from there; none: as it is */

static int put_aside(const struct mmsghdr *m, unsigned n)
{
	struct sockaddr_storage ss = { 0 };

	memcpy(&ss, m->msg_hdr.msg_name, m->msg_hdr.msg_namelen);
	assert_int_equal(ss.ss_family, AF_INET6);
	assert_true(endpoint_from_sockaddr(&ss, &sent_to));
	return (int)n;
}

int __real_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags,
		    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags,
		    struct timespec *timeout);

int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags,
		    struct timespec *timeout)
{
	int got = __real_recvmmsg(fd, m, n, flags, timeout);

	for (int i = 0; i < got && !endpoint_is_zero(&comes_from); i++)
		endpoint_to_sockaddr(&comes_from, true, m[i].msg_hdr.msg_name);
	return got;
}

static struct endpoint at(const char *text)
{
	struct endpoint e;

	assert_true(endpoint_parse(text, &e));
	return e;
}

static void hand_in(struct udp *u, const struct udp *from, const char *as,
		    struct udp_in *in)
{
	struct udp_out out = { .data = room, .n = 9, .to = at("[::1]:1") };
	unsigned sent;

	out.to.port = u->port;
	assert_int_equal(udp_send((struct udp *)from, &out, 1, &sent), 0);
	comes_from = at(as);
	*in = (struct udp_in){ .data = room, .room = sizeof(room) };
	assert_int_equal(udp_recv(u, in, 1), 1);
	comes_from = (struct endpoint){ 0 };
	assert_int_equal(in->n, 9);
}

/* IPv4 in and out, IPv6 on the wire; what is no translator's comes from nobody */
static void by_a_translator(void **state)
{
	struct prefix p;
	struct nat64 t;
	struct udp u, peer;
	struct endpoint inside = at("192.0.2.33:5000");
	struct endpoint outside = at("[2001:db8:64::c000:221]:5000");
	struct udp_out out = { .data = room, .n = 9, .to = inside, .from = inside.ip,
			       .ttl = 3 };
	struct udp_in in;
	unsigned sent;

	(void)state;
	assert_true(prefix_parse("2001:db8:64::/96", &p));
	assert_true(nat64_make(&p, &t));
	assert_int_equal(udp_open(&u, &(struct udp_params){ .nat64 = &t }), 0);
	assert_int_equal(udp_open(&peer, &(struct udp_params){ .v6 = true }), 0);
	aside = true;
	assert_int_equal(udp_send(&u, &out, 1, &sent), 0);
	aside = false;
	assert_true(endpoint_eq(&sent_to, &outside));
	hand_in(&u, &peer, "[2001:db8:64::c000:221]:5000", &in);
	assert_true(endpoint_eq(&in.from, &inside));
	assert_true(ipaddr_is_zero(&in.to));
	hand_in(&u, &peer, "[2001:db8:65::c000:221]:5000", &in);
	assert_true(endpoint_is_zero(&in.from));
	udp_close(&u);
	udp_close(&peer);
}

/* a socket changes between the families under its descriptor */
static void translator_comes_and_goes(void **state)
{
	struct udp u = open_local();
	struct prefix p;
	struct nat64 t;

	(void)state;
	assert_true(prefix_parse("64:ff9b::/96", &p));
	assert_true(nat64_make(&p, &t));
	assert_int_equal(udp_renew(&u, &(struct udp_params){ .nat64 = &t }), 0);
	assert_true(u.v6 && u.nat64 == &t);
	assert_int_equal(udp_renew(&u, &(struct udp_params){ 0 }), 0);
	assert_false(u.v6 || u.nat64);
	udp_close(&u);
}

int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);

/* any of its errors at any place; else it takes some of what it is given */
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	static const int errors[] = { EAGAIN, ENOBUFS, EMSGSIZE, EPERM,
				      EINVAL, EINTR, ENETUNREACH, EIO };
	bool train = m->msg_hdr.msg_control != NULL;
	unsigned taken;

	if (aside)
		return put_aside(m, n);
	if (!script)
		return __real_sendmmsg(fd, m, n, flags);
	if (prng_below(script, 3) == 0) {
		/* EIO ends trains for good: less often */
		bool last = train && prng_below(script, 40) == 0;

		errno = errors[prng_below(script, 7) + last];
		return -1;
	}
	taken = 1 + prng_below(script, n);
	for (unsigned i = 0; i < taken; i++)
		take_one(&m[i].msg_hdr);
	return (int)taken;
}

/* fill() - trains of numbered datagrams; their number */
static unsigned fill(struct udp_out *out, uint8_t *data, struct prng *g)
{
	uint16_t number = 0;
	size_t used = 0;

	for (unsigned i = 0; i < TRAINS; i++) {
		size_t step = 2 + prng_below(g, 20), n = 0;
		unsigned count = prng_below(g, 3) ? 1 : 1 + prng_below(g, 40);

		out[i] = (struct udp_out){ .data = data + used };
		out[i].to.ip = ipaddr_v4(0x7f000001);
		for (unsigned k = 0; k < count; k++, n += step)
			memcpy(data + used + n, &number, 2), number++;
		out[i].n = n;
		out[i].segment = count > 1 ? step : 0;
		used += n;
	}
	return number;
}

/* Whatever the kernel answers: what left and what is told as lost are all, each
 * datagram leaves once and in order. */
static void refusals_are_counted(void **state)
{
	static uint8_t data[TRAINS * 40 * 22];
	struct prng g = { 5 };
	unsigned cut_rounds = 0;
	uint64_t lost_ever = 0;

	(void)state;
	for (unsigned round = 0; round < 2000; round++) {
		struct udp_out out[TRAINS];
		struct udp u = open_local();
		unsigned all = fill(out, data, &g);
		uint64_t lost;

		left_count = 0;
		script = &g;
		lost = udp_send_all(&u, out, TRAINS);
		script = NULL;
		assert_int_equal(left_count + lost, all);
		for (unsigned i = 1; i < left_count; i++)
			assert_true(left_us[i] > left_us[i - 1]);
		cut_rounds += !u.gso;
		lost_ever += lost;
		udp_close(&u);
	}
	assert_true(lost_ever > 0);
	assert_in_range(cut_rounds, 1, 1999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_a_translator),
		cmocka_unit_test(overflow_is_told),
		cmocka_unit_test(refusals_are_counted),
		cmocka_unit_test(train_by_gso),
		cmocka_unit_test(train_cut_here),
		cmocka_unit_test(translator_comes_and_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
