/* SPDX-License-Identifier: MIT
 *
 * handshake_storm.c - many real WireGuard peers that all begin a handshake at once
 *
 *   handshake_storm peers COUNT NET          [Peer] sections for the node, inner NET.x.y/32 each
 *   handshake_storm run COUNT NET ADDRESS PORT KEY SECONDS
 *
 * NET is two octets; with `run`, of the addresses that the peers send from, which this
 * host must own (ip route add local NET.0.0/16 dev lo). Each peer is the real engine with a
 * key of its own, derived from its number. Ends when all have a session, or after
 * SECONDS; prints how many have one, and the milliseconds that it took.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/time.h"
#include "base/udp.h"
#include "crypto/blake2s.h"
#include "crypto/tunnel.h"

enum {
	PEERS_MAX = 10000,
	EVENTS = 64,
	ROOM = 2048,
};

struct caller {
	struct identity self;
	struct tunnel *tunnel;
	struct session *session; /* in use */
	struct udp udp;
	bool done;
};

static struct caller *callers;
static unsigned count, done;
static unsigned unsent, refused;
static struct endpoint target;
static struct aead_thread *aead;

static void die(const char *what, int err)
{
	fprintf(stderr, "handshake_storm: %s%s%s\n", what, err ? ": " : "",
		err ? strerror(-err) : "");
	exit(1);
}

static void identity_of(unsigned i, struct identity *out)
{
	char text[40];

	snprintf(text, sizeof(text), "handshake storm, peer %u", i);
	blake2s_hash(out->private_key.b, text, strlen(text));
	out->private_key.b[0] &= 248;
	out->private_key.b[31] = (out->private_key.b[31] & 127) | 64;
	key_public_of(&out->private_key, &out->public_key);
}

/* address_of() - where a peer is: NET.1.0 and up */
static const char *address_of(const char *net, unsigned i, char out[32])
{
	snprintf(out, 32, "%.7s.%u.%u", net, 1 + i / 250, 1 + i % 250);
	return out;
}

static void print_peers(const char *net)
{
	for (unsigned i = 0; i < count; i++) {
		struct identity id;
		char key[KEY_TEXT], at[32];

		identity_of(i, &id);
		printf("[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\n\n",
		       key_public_text(&id.public_key, key),
		       address_of(net, i, at));
	}
}

static void send_message(struct caller *c, const void *m, size_t n)
{
	struct udp_out o = { .to = target, .data = m, .n = n };
	unsigned sent;

	if (udp_send(&c->udp, &o, 1, &sent) < 0)
		unsent++; /* the engine sends it again */
}

/* confirm() - the empty packet that tells the node to use the session */
static void confirm(struct caller *c, nsec_t now)
{
	uint8_t m[64] = { 0 };
	struct session_out p = { .data = m };
	unsigned wake = 0;

	if (c->session &&
	    session_seal(c->session, aead, &p, 1, 0, now, &wake) == DROP_NONE)
		send_message(c, m, p.n);
}

static void settle(struct caller *c, nsec_t now)
{
	struct tunnel_event ev;

	for (tunnel_poll(c->tunnel, &ev, now); ev.kind != TUNNEL_IDLE;
	     tunnel_poll(c->tunnel, &ev, now)) {
		if (ev.kind == TUNNEL_SEND)
			send_message(c, ev.message, ev.n);
		else if (ev.kind == TUNNEL_SEND_KEEPALIVE)
			confirm(c, now);
		else if (ev.kind == TUNNEL_SESSION_USE)
			c->session = ev.session;
		else if (ev.kind == TUNNEL_SESSION_RETIRE)
			session_free(ev.session);
		else if (ev.kind == TUNNEL_ESTABLISHED && !c->done) {
			c->done = true;
			done++;
		}
	}
}

static void take(struct caller *c)
{
	uint8_t room[ROOM];
	struct udp_in in = { .data = room, .room = sizeof(room) };

	while (udp_recv(&c->udp, &in, 1) == 1) {
		nsec_t now = time_now();

		if (in.n < 4 || in.truncated)
			continue;
		if (room[0] == MESSAGE_RESPONSE || room[0] == MESSAGE_COOKIE)
			refused += tunnel_input_response(c->tunnel, room, in.n,
							 now) != DROP_NONE;
		settle(c, now);
	}
}

static void open_caller(const char *net, unsigned i, int epoll,
			const struct key_public *node)
{
	struct caller *c = &callers[i];
	struct tunnel_params p = { .self = &c->self,
				   .peer = *node,
				   .slot = i,
				   .seed = rand_u64(),
				   .wall = time_wall() - time_now() };
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };
	struct udp_params u = { .buffer_octets = 0 };
	char at[32];
	int err;

	identity_of(i, &c->self);
	c->tunnel = tunnel_new(&p);
	if (!c->tunnel)
		die("a tunnel cannot be made", 0);
	if (!ipaddr_parse(address_of(net, i, at), &u.local.ip))
		die("NET is two octets, as in 11.3", 0);
	err = udp_open(&c->udp, &u);
	if (err < 0)
		die(at, err);
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->udp.fd, &ev) < 0)
		die("epoll", -errno);
}

static void wait_input(int epoll, nsec_t until)
{
	struct epoll_event ev[EVENTS];
	nsec_t now = time_now();
	int n = epoll_wait(epoll, ev, EVENTS,
			   until > now ? (int)((until - now) / MSEC(1)) + 1 : 0);

	for (int i = 0; i < n; i++)
		take(&callers[ev[i].data.u32]);
}

/* poll_due() - who has to send again; returns the next expiry of all */
static nsec_t poll_due(nsec_t now)
{
	nsec_t next = NSEC_NEVER;

	for (unsigned i = 0; i < count; i++) {
		if (tunnel_next_expiry(callers[i].tunnel) <= now)
			settle(&callers[i], now);
		next = nsec_min(next, tunnel_next_expiry(callers[i].tunnel));
	}
	return next;
}

/* storm() - all at once, until all have a session or `end` */
static void storm(int epoll, nsec_t end)
{
	nsec_t looked = 0, next = 0;

	for (unsigned i = 0; i < count; i++) {
		tunnel_want(callers[i].tunnel, time_now());
		settle(&callers[i], time_now());
	}
	for (nsec_t now = time_now(); done < count && now < end; now = time_now()) {
		if (now - looked >= MSEC(10)) {
			next = poll_due(now);
			looked = now;
		}
		wait_input(epoll, nsec_min(nsec_min(next, end), now + MSEC(10)));
	}
}

static void run(char **argv)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct rlimit files = { PEERS_MAX + 64, PEERS_MAX + 64 };
	struct key_public node;
	nsec_t start;

	if (!ipaddr_parse(argv[4], &target.ip) || !key_public_parse(argv[6], &node))
		die("ADDRESS or KEY is not one", 0);
	target.port = (uint16_t)strtoul(argv[5], NULL, 10);
	setrlimit(RLIMIT_NOFILE, &files);
	callers = calloc(count, sizeof(*callers));
	aead = aead_thread_new();
	if (!callers || !aead || epoll < 0)
		die("no memory", 0);
	for (unsigned i = 0; i < count; i++)
		open_caller(argv[3], i, epoll, &node);
	start = time_now();
	storm(epoll, start + SEC(strtoul(argv[7], NULL, 10)));
	printf("%u sessions in %lu ms, %u messages not sent, %u answers refused\n", done,
	       (unsigned long)((time_now() - start) / MSEC(1)), unsent, refused);
}

int main(int argc, char **argv)
{
	if (argc < 4 || key_setup() < 0 || aead_setup(NULL) < 0)
		die("see the head of handshake_storm.c", 0);
	count = (unsigned)strtoul(argv[2], NULL, 10);
	if (count == 0 || count > PEERS_MAX)
		die("COUNT is 1 to 10000", 0);
	if (strcmp(argv[1], "peers") == 0)
		print_peers(argv[3]);
	else if (strcmp(argv[1], "run") == 0 && argc == 8)
		run(argv);
	else
		die("see the head of handshake_storm.c", 0);
	return 0;
}
