/* SPDX-License-Identifier: MIT
 *
 * lane.c - one thread of a running relay (glue)
 *
 * Wait, receive trains, hand each to the engine, send what came of them. Trains stay
 * whole from recvmsg to sendmsg. What the kernel does not take goes into the queue, and
 * the socket says when it takes more.
 */
#include "relay/lane.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/time.h"
#include "crypto/evp.h"

enum {
	ROUNDS = 16, /* receives from one socket before the next has its turn */
	TICK_MS = 1000,
};

/* ---- sending ---- */

static void enqueue(struct service_lane *l, const struct relay_out *o, nsec_t now)
{
	drop_count_n(&l->drops, DROP_RELAY_QUEUE_FULL, queue_put(l->queue, o, now));
}

static struct udp_out udp_out_of(const struct relay_out *o)
{
	return (struct udp_out){ .to = o->to.remote,
				 .data = o->data,
				 .n = o->n,
				 .segment = o->segment,
				 .from = o->to.local,
				 .tos = o->tos };
}

/* arm() - the socket that is full, -1: none, tells when it has room */
static void arm(struct service_lane *l, int socket)
{
	uint32_t in = l->trains ? EPOLLIN : 0;
	struct epoll_event ev = { .events = in };

	if (l->armed == socket)
		return;
	if (l->armed >= 0) {
		ev.data.u32 = (uint32_t)l->armed;
		epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->sockets[l->armed].fd, &ev);
	}
	l->armed = socket;
	if (socket < 0)
		return;
	ev.data.u32 = (uint32_t)socket;
	ev.events = in | EPOLLOUT;
	epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->sockets[socket].fd, &ev);
}

/* send_run() - count trains for one socket; returns how many are dealt with */
static unsigned send_run(struct service_lane *l, const struct relay_out *o,
			 unsigned count, nsec_t now)
{
	struct udp_out out[UDP_BATCH_MAX];
	unsigned n = count < UDP_BATCH_MAX ? count : UDP_BATCH_MAX, sent = 0;
	int e;

	for (unsigned i = 0; i < n; i++)
		out[i] = udp_out_of(&o[i]);
	e = udp_send(&l->sockets[o->to.socket], out, n, &sent);
	if (!e)
		return n;
	if (e == -EAGAIN) {
		for (unsigned i = sent; i < n; i++)
			enqueue(l, &o[i], now);
		arm(l, o->to.socket);
		return n;
	}
	drop_count_n(&l->drops, DROP_UDP_SEND, udp_datagrams(&out[sent]));
	return sent + 1;
}

static unsigned same_socket(const struct relay_out *o, unsigned count)
{
	unsigned n = 1;

	while (n < count && !o[n].to.stream && o[n].to.socket == o->to.socket)
		n++;
	return n;
}

/* drain() - what waits, as far as the sockets take it */
static void drain(struct service_lane *l)
{
	struct queue_judged judged = { 0 };
	nsec_t now = time_now();
	struct relay_out o;
	int full = -1;

	while (full < 0 && queue_peek(l->queue, now, &o, &judged)) {
		struct udp_out out = udp_out_of(&o);
		unsigned sent;
		int e = udp_send(&l->sockets[o.to.socket], &out, 1, &sent);

		if (e == -EAGAIN) {
			full = o.to.socket;
			break;
		}
		if (e)
			drop_count_n(&l->drops, DROP_UDP_SEND,
				     udp_datagrams(&out));
		queue_pop(l->queue, now);
	}
	arm(l, full);
	drop_count_n(&l->drops, DROP_RELAY_QUEUE_LATE, judged.dropped);
	l->marked += judged.marked;
}

static void send_stream(struct service_lane *l, const struct relay_out *o)
{
	const struct relay_service_sink *k = &l->service->sink;

	if (k->put)
		k->put(k->owner, o->to.stream, o->data, o->n, o->segment);
	else
		drop_count(&l->drops, DROP_RELAY_NO_RECEIVER);
}

static void flush(struct service_lane *l, nsec_t now)
{
	struct relay_batch *b = l->batch;

	for (unsigned i = 0; i < b->n;) {
		if (b->out[i].to.stream)
			send_stream(l, &b->out[i++]);
		else if (!queue_is_empty(l->queue))
			enqueue(l, &b->out[i++], now);
		else
			i += send_run(l, &b->out[i],
				      same_socket(&b->out[i], b->n - i), now);
	}
	b->n = 0;
}

/* ---- frames ---- */

/* alone() - what pass() left, with nobody else in the engine; octets dealt with */
static size_t alone(struct service_lane *l, const struct relay_in *train,
		    nsec_t now)
{
	struct relay_service *s = l->service;
	size_t n;

	gate_leave(&s->gate, l->index);
	gate_close(&s->gate);
	n = relay_server_input(s->server, train, l->batch, now,
			       time_wall() / SEC(1));
	gate_open(&s->gate);
	gate_enter(&s->gate, l->index);
	return n;
}

static bool is_nearly_full(const struct relay_batch *b)
{
	return b->n > RELAY_BATCH - RELAY_BATCH_INPUT;
}

/* input_frames() - inside the gate; alone() leaves it for a while, when all that the
 * batch holds stays good: it names routes, not clients */
static void input_frames(struct service_lane *l, struct relay_in train, nsec_t now)
{
	while (train.n) {
		size_t n;

		if (is_nearly_full(l->batch))
			flush(l, now);
		n = relay_server_pass(l->service->server, l->index, &train,
				      l->batch, now);
		if (n < train.n && !n && !is_nearly_full(l->batch))
			n = alone(l, &train, now);
		train.data += n;
		train.n -= n;
	}
}

void lane_input(struct service_lane *l, const struct relay_in *trains, unsigned count)
{
	struct gate *g = &l->service->gate;
	nsec_t now = time_now();

	gate_enter(g, l->index);
	for (unsigned i = 0; i < count; i++)
		input_frames(l, trains[i], now);
	flush(l, now);
	gate_leave(g, l->index);
}

/* ---- STUN ---- */

/* second_address() - another address of the same family that we listen on; -1: none */
static int second_address(const struct relay_service *s, unsigned a)
{
	for (unsigned i = 0; i < s->address_count; i++)
		if (i != a && s->v6[i] == s->v6[a] &&
		    !ipaddr_is_zero(&s->bound[i]) &&
		    !ipaddr_is_zero(&s->bound[a]))
			return (int)i;
	return -1;
}

static void send_stun(struct service_lane *l, const struct stunserver_out *o,
		      unsigned socket, int second, const struct ipaddr *local)
{
	unsigned a = socket / PORTS, p = socket % PORTS, sent;
	struct udp_out out = { .to = o->to, .data = o->message, .n = o->n };
	struct udp *from;

	if (o->change_ip && second >= 0)
		a = (unsigned)second;
	else
		out.from = *local;
	if (o->change_port)
		p = !p;
	from = &l->sockets[a * PORTS + p];
	if (o->stranger && l->service->strangers[a].fd >= 0)
		from = &l->service->strangers[a];
	if (udp_send(from, &out, 1, &sent))
		drop_count(&l->drops, DROP_UDP_SEND);
	else
		l->stun_answers++;
}

static void input_stun(struct service_lane *l, unsigned socket,
		       const struct udp_in *in, const uint8_t *m, size_t n,
		       nsec_t now)
{
	const struct relay_service *s = l->service;
	unsigned a = socket / PORTS, p = socket % PORTS;
	int second = second_address(s, a);
	struct stunserver_in q = {
		.m = m,
		.n = n,
		.from = in->from,
		.to = { .ip = ipaddr_is_zero(&in->to) ? s->bound[a] : in->to,
			.port = (uint16_t)(s->port + p) },
		.other_port = (uint16_t)(s->port + !p),
	};
	struct stunserver_out o;
	enum drop d;

	if (second >= 0)
		q.other = s->bound[second];
	d = stunserver_input(s->stun, &q, &o, now);
	if (d == DROP_NONE)
		send_stun(l, &o, socket, second, &in->to);
	else
		drop_count(&l->drops, d);
}

/* ---- receiving ---- */

/* kin_of() - octets of the datagrams at p that are frames, or are not, as the first */
static size_t kin_of(const uint8_t *p, size_t n, size_t segment)
{
	size_t run = n < segment ? n : segment;
	bool frame = p[0] == FRAME_MAGIC;

	while (run < n && (p[run] == FRAME_MAGIC) == frame)
		run += n - run < segment ? n - run : segment;
	return run;
}

/* input_kin() - n octets of frames, or of anything else, at p */
static void input_kin(struct service_lane *l, unsigned socket,
		      const struct udp_in *in, uint8_t *p, size_t n, nsec_t now)
{
	if (p[0] == FRAME_MAGIC && socket % PORTS == 0) {
		input_frames(l, (struct relay_in){
			.data = p,
			.n = n,
			.segment = in->segment,
			.from = { .remote = in->from,
				  .local = in->to,
				  .socket = (uint8_t)socket },
			.tos = in->tos,
		}, now);
		return;
	}
	for (size_t k = 0; k < n && p[0] != FRAME_MAGIC; k += in->segment)
		input_stun(l, socket, in, p + k,
			   n - k < in->segment ? n - k : in->segment, now);
}

static void input_train(struct service_lane *l, unsigned socket,
			const struct udp_in *in, nsec_t now)
{
	size_t i = 0;

	if (in->truncated || !in->segment) {
		drop_count(&l->drops,
			   in->truncated ? DROP_TRUNCATED : DROP_TOO_SHORT);
		return;
	}
	while (i < in->n) {
		uint8_t *p = in->data + i;
		size_t run = kin_of(p, in->n - i, in->segment);

		input_kin(l, socket, in, p, run, now);
		i += run;
	}
}

static void receive(struct service_lane *l, unsigned socket)
{
	struct gate *g = &l->service->gate;

	for (int round = 0; round < ROUNDS; round++) {
		int n = udp_recv(&l->sockets[socket], l->trains->in, TRAINS);
		nsec_t now = time_now();

		if (n <= 0)
			return;
		gate_enter(g, l->index);
		for (int i = 0; i < n; i++)
			input_train(l, socket, &l->trains->in[i], now);
		flush(l, now);
		gate_leave(g, l->index);
		if (n < TRAINS)
			return;
	}
}

/* ---- the thread ---- */

static void tick(struct relay_service *s)
{
	nsec_t now = time_now();
	uint8_t fresh[32];

	gate_close(&s->gate);
	if (now >= relay_server_next_expiry(s->server)) {
		rand_bytes(fresh, sizeof(fresh));
		relay_server_tick(s->server, fresh, now, time_wall() / SEC(1));
		secret_wipe(fresh, sizeof(fresh));
	}
	gate_open(&s->gate);
}

static void on_event(struct service_lane *l, const struct epoll_event *ev)
{
	struct gate *g = &l->service->gate;

	if (ev->events & EPOLLOUT) {
		gate_enter(g, l->index);
		drain(l);
		gate_leave(g, l->index);
	}
	if (ev->events & ~(uint32_t)EPOLLOUT && l->trains)
		receive(l, ev->data.u32);
}

void *lane_run(void *lane)
{
	struct service_lane *l = lane;
	struct epoll_event ev[SOCKETS + 1];
	nsec_t last = 0;

	for (;;) {
		int n = epoll_wait(l->epoll, ev, SOCKETS + 1,
				   l->index ? -1 : TICK_MS);

		for (int i = 0; i < n; i++) {
			if (ev[i].data.u32 == SOCKETS)
				goto out;
			on_event(l, &ev[i]);
		}
		if (!l->index && nsec_since(last, time_now()) >= SEC(1)) {
			tick(l->service);
			last = time_now();
		}
	}
out:
	evp_thread_done();
	return NULL;
}

/* ---- set-up ---- */

int lane_watch(struct service_lane *l, unsigned socket)
{
	struct epoll_event ev = { .events = l->trains ? EPOLLIN : 0,
				  .data.u32 = socket };

	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->sockets[socket].fd, &ev) ?
		       -errno : 0;
}

bool lane_init(struct service_lane *l, struct relay_service *s, unsigned index,
	       bool receives)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = SOCKETS };

	l->service = s;
	l->index = index;
	l->armed = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->queue = queue_new(RELAY_CLIENTS_DEFAULT);
	l->batch = calloc(1, sizeof(*l->batch));
	l->trains = receives ? malloc(sizeof(*l->trains)) : NULL;
	if (l->epoll < 0 || !l->queue || !l->batch || (receives && !l->trains))
		return false;
	for (size_t i = 0; receives && i < TRAINS; i++)
		l->trains->in[i] = (struct udp_in){ .data = l->trains->memory[i],
						    .room = UDP_TRAIN_MAX };
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->wake, &ev) == 0;
}

void lane_done(struct service_lane *l)
{
	for (unsigned i = 0; i < SOCKETS; i++)
		udp_close(&l->sockets[i]);
	if (l->epoll >= 0)
		close(l->epoll);
	queue_free(l->queue);
	free(l->batch);
	free(l->trains);
}
