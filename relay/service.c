/* SPDX-License-Identifier: MIT
 *
 * service.c - a relay with STUN on two UDP ports, as a thread (glue)
 *
 * One thread: wait, receive trains, hand each to an engine, send what came of all of
 * them. Trains stay whole from recvmsg to sendmsg. What the kernel does not take goes
 * into the queue and leaves first next time. Other threads come in by the lock, which
 * is free but for removals and statistics. More workers would be more of these
 * threads on SO_REUSEPORT sockets over one shared engine.
 */
#include "relay/service.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/rand.h"
#include "base/time.h"
#include "base/udp.h"
#include "crypto/evp.h"
#include "relay/queue.h"
#include "relay/server.h"
#include "relay/stunserver.h"

enum {
	ADDRESSES = 4,
	PORTS = 2, /* N and N + 1 */
	SOCKETS = ADDRESSES * PORTS,
	TRAINS = 32, /* of one recvmmsg */
	BUFFER_OCTETS = 4 << 20,
	BACKLOG_WAIT_MS = 1, /* until the queue is tried again */
	ROUNDS = 16, /* receives from one socket before the next has its turn */
};

struct relay_service {
	struct udp sockets[SOCKETS]; /* address * PORTS + port */
	struct udp strangers[ADDRESSES]; /* STUN answers that come unexpected */
	struct ipaddr bound[ADDRESSES]; /* all zero: any */
	bool v6[ADDRESSES];
	unsigned address_count;
	uint16_t port;
	int epoll, wake; /* wake: an eventfd, readable when it is time to stop */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* over the engines */
	struct relay_server *server;
	struct stunserver *stun;
	struct queue *queue;
	struct relay_batch *batch;
	struct relay_service_sink sink; /* put NULL: no streams */
	struct udp_in in[TRAINS];
	uint8_t *memory;
	uint64_t stun_answers;
	struct drop_counts drops;
};

/* ---- sending ---- */

static void enqueue(struct relay_service *s, const struct relay_out *o)
{
	drop_count_n(&s->drops, DROP_RELAY_QUEUE_FULL,
		     queue_put(s->queue, o, time_now()));
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

/* send_run() - count trains for one socket; returns how many are dealt with */
static unsigned send_run(struct relay_service *s, const struct relay_out *o,
			 unsigned count)
{
	struct udp_out out[UDP_BATCH_MAX];
	unsigned n = count < UDP_BATCH_MAX ? count : UDP_BATCH_MAX, sent = 0;
	int e;

	for (unsigned i = 0; i < n; i++)
		out[i] = udp_out_of(&o[i]);
	e = udp_send(&s->sockets[o->to.socket], out, n, &sent);
	if (!e)
		return n;
	if (e == -EAGAIN) {
		for (unsigned i = sent; i < n; i++)
			enqueue(s, &o[i]);
		return n;
	}
	drop_count(&s->drops, DROP_UDP_SEND);
	return sent + 1;
}

static unsigned same_socket(const struct relay_out *o, unsigned count)
{
	unsigned n = 1;

	while (n < count && o[n].to.socket == o->to.socket)
		n++;
	return n;
}

static void drain_queue(struct relay_service *s)
{
	struct queue_judged judged = { 0 };
	nsec_t now = time_now();
	struct relay_out o;
	unsigned sent;

	while (queue_peek(s->queue, now, &o, &judged)) {
		struct udp_out out = udp_out_of(&o);
		int e = udp_send(&s->sockets[o.to.socket], &out, 1, &sent);

		if (e == -EAGAIN)
			break;
		if (e)
			drop_count(&s->drops, DROP_UDP_SEND);
		queue_pop(s->queue, now);
	}
	drop_count_n(&s->drops, DROP_RELAY_QUEUE_LATE, judged.dropped);
}

static void send_stream(struct relay_service *s, const struct relay_out *o)
{
	if (s->sink.put)
		s->sink.put(s->sink.owner, o->to.stream, o->data, o->n,
			    o->segment);
	else
		drop_count(&s->drops, DROP_RELAY_NO_RECEIVER);
}

static void flush(struct relay_service *s)
{
	struct relay_batch *b = s->batch;

	for (unsigned i = 0; i < b->n;) {
		if (b->out[i].to.stream)
			send_stream(s, &b->out[i++]);
		else if (!queue_is_empty(s->queue))
			enqueue(s, &b->out[i++]);
		else
			i += send_run(s, &b->out[i],
				      same_socket(&b->out[i], b->n - i));
	}
	b->n = 0;
}

/* ---- receiving ---- */

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

static void send_stun(struct relay_service *s, const struct stunserver_out *o,
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
	from = &s->sockets[a * PORTS + p];
	if (o->stranger && s->strangers[a].fd >= 0)
		from = &s->strangers[a];
	if (udp_send(from, &out, 1, &sent))
		drop_count(&s->drops, DROP_UDP_SEND);
	else
		s->stun_answers++;
}

static void input_stun(struct relay_service *s, unsigned socket,
		       const struct udp_in *in, const uint8_t *m, size_t n,
		       nsec_t now)
{
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
		send_stun(s, &o, socket, second, &in->to);
	else
		drop_count(&s->drops, d);
}

/* kin_of() - octets of the datagrams at p that are frames, or are not, as the first */
static size_t kin_of(const uint8_t *p, size_t n, size_t segment)
{
	size_t run = n < segment ? n : segment;
	bool frame = p[0] == FRAME_MAGIC;

	while (run < n && (p[run] == FRAME_MAGIC) == frame)
		run += n - run < segment ? n - run : segment;
	return run;
}

static void input_frames(struct relay_service *s, unsigned socket,
			 const struct udp_in *in, uint8_t *p, size_t n,
			 nsec_t now, uint64_t wall_s)
{
	struct relay_in train = {
		.data = p,
		.n = n,
		.segment = in->segment,
		.from = { .remote = in->from,
			  .local = in->to,
			  .socket = (uint8_t)socket },
		.tos = in->tos,
	};

	if (s->batch->n > RELAY_BATCH - RELAY_BATCH_INPUT)
		flush(s);
	relay_server_input(s->server, &train, s->batch, now, wall_s);
}

static void input_train(struct relay_service *s, unsigned socket,
			const struct udp_in *in, nsec_t now, uint64_t wall_s)
{
	size_t i = 0;

	if (in->truncated || !in->segment) {
		drop_count(&s->drops,
			   in->truncated ? DROP_TRUNCATED : DROP_TOO_SHORT);
		return;
	}
	while (i < in->n) {
		uint8_t *p = in->data + i;
		size_t run = kin_of(p, in->n - i, in->segment);

		if (p[0] == FRAME_MAGIC && socket % PORTS == 0)
			input_frames(s, socket, in, p, run, now, wall_s);
		else if (p[0] != FRAME_MAGIC)
			for (size_t k = 0; k < run; k += in->segment)
				input_stun(s, socket, in, p + k,
					   run - k < in->segment ? run - k :
								   in->segment,
					   now);
		i += run;
	}
}

static void receive(struct relay_service *s, unsigned socket)
{
	for (int round = 0; round < ROUNDS; round++) {
		int n = udp_recv(&s->sockets[socket], s->in, TRAINS);
		nsec_t now = time_now();
		uint64_t wall_s = time_wall() / SEC(1);

		for (int i = 0; i < n; i++)
			input_train(s, socket, &s->in[i], now, wall_s);
		flush(s);
		if (n < TRAINS)
			return;
	}
}

/* ---- the thread ---- */

static void tick(struct relay_service *s)
{
	nsec_t now = time_now();
	uint8_t fresh[32];

	if (now < relay_server_next_expiry(s->server))
		return;
	rand_bytes(fresh, sizeof(fresh));
	relay_server_tick(s->server, fresh, now, time_wall() / SEC(1));
	secret_wipe(fresh, sizeof(fresh));
}

static int wait_ms(const struct relay_service *s)
{
	return queue_is_empty(s->queue) ? 1000 : BACKLOG_WAIT_MS;
}

/* serve() - one wake-up; false: stop */
static bool serve(struct relay_service *s)
{
	struct epoll_event ev[SOCKETS + 1];
	int n = epoll_wait(s->epoll, ev, SOCKETS + 1, wait_ms(s));
	bool go_on = true;

	pthread_mutex_lock(&s->lock);
	drain_queue(s);
	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 < SOCKETS)
			receive(s, ev[i].data.u32);
		else
			go_on = false;
	}
	tick(s);
	pthread_mutex_unlock(&s->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct relay_service *s = arg;

	while (serve(s))
		;
	evp_thread_done();
	return NULL;
}

/* ---- set-up ---- */

static int watch(struct relay_service *s, int fd, uint32_t number)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = number };

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_socket(struct relay_service *s, unsigned number)
{
	unsigned a = number / PORTS, p = number % PORTS;
	struct udp_params params = {
		.local = { .ip = s->bound[a], .port = (uint16_t)(s->port + p) },
		.v6 = s->v6[a],
		.gro = true,
		.buffer_octets = BUFFER_OCTETS,
	};
	int e = udp_open(&s->sockets[number], &params);

	return e ? e : watch(s, s->sockets[number].fd, number);
}

/* open_stranger() - without it the node's probe goes unproved, no more */
static void open_stranger(struct relay_service *s, unsigned a)
{
	struct udp_params params = { .local.ip = s->bound[a], .v6 = s->v6[a] };

	if (udp_open(&s->strangers[a], &params) < 0)
		s->strangers[a].fd = -1;
}

static void explain(char why[static 256], const struct relay_service *s,
		    unsigned number, int e)
{
	char text[ADDR_TEXT];
	unsigned port = s->port + number % PORTS;

	ipaddr_text(&s->bound[number / PORTS], text);
	if (e == -EADDRINUSE)
		snprintf(why, 256,
			 "UDP port %u is in use by another program: stop it or "
			 "choose another with --udp-port", port);
	else if (e == -EADDRNOTAVAIL)
		snprintf(why, 256, "%s is no address of this machine: correct "
			 "--listen", text);
	else if (e == -EACCES)
		snprintf(why, 256, "UDP port %u needs privilege: choose one "
			 "above 1023 with --udp-port", port);
	else
		snprintf(why, 256, "UDP port %u cannot be opened: %s", port,
			 strerror(-e));
}

/* is_missing_ipv6() - a wildcard IPv6 socket may fail where there is no IPv6 */
static bool is_missing_ipv6(const struct relay_service *s, unsigned number, int e)
{
	return s->v6[number / PORTS] &&
	       ipaddr_is_zero(&s->bound[number / PORTS]) &&
	       (e == -EAFNOSUPPORT || e == -EADDRNOTAVAIL);
}

static bool open_sockets(struct relay_service *s, char why[static 256])
{
	for (unsigned i = 0; i < s->address_count * PORTS; i++) {
		int e = open_socket(s, i);

		if (!e || is_missing_ipv6(s, i, e))
			continue;
		explain(why, s, i, e);
		return false;
	}
	for (unsigned a = 0; a < s->address_count; a++)
		open_stranger(s, a);
	return true;
}

static void set_addresses(struct relay_service *s,
			  const struct relay_service_params *p)
{
	s->port = p->port;
	for (unsigned i = 0; i < p->address_count && i < ADDRESSES; i++) {
		if (ipaddr_is_zero(&p->addresses[i]))
			continue;
		if (ipaddr_class(&p->addresses[i]) != ADDR_CLASS_UNSPECIFIED)
			s->bound[s->address_count] = p->addresses[i];
		s->v6[s->address_count++] = !ipaddr_is_v4(&p->addresses[i]);
	}
	if (s->address_count)
		return;
	s->v6[1] = true;
	s->address_count = 2;
}

static bool make_engines(struct relay_service *s,
			 const struct relay_service_params *p)
{
	struct relay_server_params sp = { .key = p->key,
					  .coord = p->coord,
					  .network = p->network,
					  .rate = p->rate,
					  .seed = rand_u64() };

	rand_bytes(sp.secret, sizeof(sp.secret));
	s->server = relay_server_new(&sp);
	secret_wipe(&sp, sizeof(sp));
	s->stun = stunserver_new(rand_u64());
	s->queue = queue_new(RELAY_CLIENTS_DEFAULT);
	s->batch = calloc(1, sizeof(*s->batch));
	s->memory = malloc((size_t)TRAINS * UDP_TRAIN_MAX);
	if (!s->server || !s->stun || !s->queue || !s->batch || !s->memory)
		return false;
	for (size_t i = 0; i < TRAINS; i++)
		s->in[i] = (struct udp_in){ .data = s->memory +
						    i * UDP_TRAIN_MAX,
					    .room = UDP_TRAIN_MAX };
	return true;
}

static bool set_up(struct relay_service *s, const struct relay_service_params *p,
		   char why[static 256])
{
	set_addresses(s, p);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!p->port || p->port == UINT16_MAX) {
		snprintf(why, 256, "UDP port %u has no next one: choose one of "
			 "1..65534", p->port);
		return false;
	}
	if (s->epoll < 0 || s->wake < 0 || watch(s, s->wake, SOCKETS) ||
	    !make_engines(s, p)) {
		snprintf(why, 256, "no memory or descriptors left for the relay");
		return false;
	}
	return open_sockets(s, why);
}

static struct relay_service *service_new(void)
{
	struct relay_service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	for (unsigned i = 0; i < SOCKETS; i++)
		s->sockets[i].fd = -1;
	for (unsigned a = 0; a < ADDRESSES; a++)
		s->strangers[a].fd = -1;
	s->epoll = s->wake = -1;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

struct relay_service *relay_service_start(const struct relay_service_params *p,
					  char why[static 256])
{
	struct relay_service *s = service_new();

	if (!s) {
		snprintf(why, 256, "no memory left for the relay");
		return NULL;
	}
	if (!set_up(s, p, why)) {
		relay_service_stop(s);
		return NULL;
	}
	if (pthread_create(&s->thread, NULL, run, s)) {
		snprintf(why, 256, "no thread left for the relay");
		relay_service_stop(s);
		return NULL;
	}
	s->started = true;
	return s;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void relay_service_stop(struct relay_service *s)
{
	uint64_t one = 1;

	if (!s)
		return;
	if (s->started && write(s->wake, &one, sizeof(one)) == sizeof(one))
		pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < SOCKETS; i++)
		udp_close(&s->sockets[i]);
	for (unsigned a = 0; a < ADDRESSES; a++)
		udp_close(&s->strangers[a]);
	close_fd(s->epoll);
	close_fd(s->wake);
	relay_server_free(s->server);
	stunserver_free(s->stun);
	queue_free(s->queue);
	free(s->batch);
	free(s->memory);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void relay_service_remove(struct relay_service *s, const struct key_public *node)
{
	pthread_mutex_lock(&s->lock);
	relay_server_remove(s->server, node, time_now());
	pthread_mutex_unlock(&s->lock);
}

void relay_service_set_sink(struct relay_service *s,
			    const struct relay_service_sink *k)
{
	pthread_mutex_lock(&s->lock);
	s->sink = k ? *k : (struct relay_service_sink){ 0 };
	pthread_mutex_unlock(&s->lock);
}

void relay_service_input(struct relay_service *s, const struct relay_in *trains,
			 unsigned count)
{
	nsec_t now = time_now();
	uint64_t wall_s = time_wall() / SEC(1);

	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < count; i++) {
		if (s->batch->n > RELAY_BATCH - RELAY_BATCH_INPUT)
			flush(s);
		relay_server_input(s->server, &trains[i], s->batch, now, wall_s);
	}
	flush(s);
	pthread_mutex_unlock(&s->lock);
}

void relay_service_drop(struct relay_service *s, enum drop why)
{
	pthread_mutex_lock(&s->lock);
	drop_count(&s->drops, why);
	pthread_mutex_unlock(&s->lock);
}

void relay_service_closed(struct relay_service *s, const struct relay_route *route)
{
	pthread_mutex_lock(&s->lock);
	relay_server_closed(s->server, route);
	pthread_mutex_unlock(&s->lock);
}

bool relay_service_knows(struct relay_service *s, const struct relay_route *route)
{
	bool knows;

	pthread_mutex_lock(&s->lock);
	knows = relay_server_knows(s->server, route);
	pthread_mutex_unlock(&s->lock);
	return knows;
}

void relay_service_readmit(struct relay_service *s, const struct key_public *node)
{
	pthread_mutex_lock(&s->lock);
	relay_server_readmit(s->server, node);
	pthread_mutex_unlock(&s->lock);
}

void relay_service_stats(struct relay_service *s, struct relay_service_stats *out)
{
	struct relay_server_stats e;

	pthread_mutex_lock(&s->lock);
	relay_server_stats(s->server, &e);
	*out = (struct relay_service_stats){
		.clients = e.clients,
		.channels = e.channels,
		.forwarded = e.forwarded,
		.forwarded_octets = e.forwarded_octets,
		.stun_answers = s->stun_answers,
	};
	for (unsigned i = 0; i < DROP_COUNT; i++)
		out->drops[i] = s->drops.n[i] +
				relay_server_drops(s->server)->n[i];
	pthread_mutex_unlock(&s->lock);
}
