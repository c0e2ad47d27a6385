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

int __real_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags);

/* any of its errors at any place; else it takes some of what it is given */
int __wrap_sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	static const int errors[] = { EAGAIN, ENOBUFS, EMSGSIZE, EPERM,
				      EINVAL, EINTR, ENETUNREACH, EIO };
	bool train = m->msg_hdr.msg_control != NULL;
	unsigned taken;

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
		cmocka_unit_test(overflow_is_told),
		cmocka_unit_test(refusals_are_counted),
		cmocka_unit_test(train_by_gso),
		cmocka_unit_test(train_cut_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
