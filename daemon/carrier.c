/* SPDX-License-Identifier: MIT
 *
 * carrier.c - this node's relay for others: a port and a thread of its own (glue)
 *
 * The thread holds the lock while it works on a batch; the control thread takes it to
 * change whom it admits and to read counters, a few times a minute.
 */
#include "daemon/carrier.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rand.h"
#include "base/udp.h"
#include "crypto/evp.h"
#include "daemon/sandbox.h"
#include "relay/allowance.h"
#include "relay/server.h"

enum {
	FAMILIES = 2, /* 0 is IPv4 */
	TAG_STOP = FAMILIES,
	TRAINS = 16, /* of one receive */
	ROUNDS = 8, /* receives from one socket before the other has its turn */
	BUFFER_OCTETS = 4 << 20,
	BOX_SLOTS = 16,
	WAIT_MS = 1000,
};

struct carrier {
	struct udp udp[FAMILIES];
	int epoll, stop, told; /* told: an eventfd for carrier_fd() */
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* over all below */
	struct relay_server *server;
	struct relay_batch *batch;
	struct allowance allowance;
	struct key_public *let; /* sorted; heap */
	unsigned let_count;
	struct carrier_message box[BOX_SLOTS];
	unsigned box_head, box_count;
	struct drop_counts drops;
	struct udp_in in[TRAINS];
	uint8_t *memory;
};

/* ---- whom it admits ---- */

static int key_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct key_public));
}

static bool has_key(const struct key_public *keys, unsigned count,
		    const struct key_public *k)
{
	return count && bsearch(k, keys, count, sizeof(*k), key_order);
}

static bool is_let(void *owner, const struct key_public *node)
{
	const struct carrier *c = owner;

	return has_key(c->let, c->let_count, node);
}

/* turn_out() - who was let and is no more */
static void turn_out(struct carrier *c, const struct key_public *keys, unsigned count)
{
	nsec_t now = time_now();

	for (unsigned i = 0; i < c->let_count; i++)
		if (!has_key(keys, count, &c->let[i]))
			relay_server_remove(c->server, &c->let[i], now);
	for (unsigned i = 0; i < count; i++)
		if (!has_key(c->let, c->let_count, &keys[i]))
			relay_server_readmit(c->server, &keys[i]);
}

void carrier_let(struct carrier *c, const struct key_public *keys, unsigned count)
{
	struct key_public *copy = calloc(count + 1, sizeof(*copy));

	if (!copy)
		count = 0;
	if (count) {
		memcpy(copy, keys, count * sizeof(*copy));
		qsort(copy, count, sizeof(*copy), key_order);
	}
	pthread_mutex_lock(&c->lock);
	if (count != c->let_count ||
	    (count && memcmp(copy, c->let, count * sizeof(*copy)))) {
		struct key_public *old = c->let;

		turn_out(c, copy, count);
		c->let = copy;
		c->let_count = count;
		copy = old;
	}
	pthread_mutex_unlock(&c->lock);
	free(copy);
}

/* ---- the thread ---- */

static void send_one(struct carrier *c, const struct relay_out *o)
{
	struct udp_out out = { .to = o->to.remote,
			       .data = o->data,
			       .n = o->n,
			       .segment = o->segment,
			       .from = o->to.local,
			       .tos = o->tos };
	unsigned sent;
	int err = udp_send(&c->udp[o->to.socket], &out, 1, &sent);

	if (err)
		drop_count_n(&c->drops, err == -EAGAIN ? DROP_RELAY_QUEUE_FULL :
							 DROP_UDP_SEND,
			     (o->n + o->segment - 1) / o->segment);
}

static void flush(struct carrier *c, nsec_t now, uint64_t wall_s)
{
	for (unsigned i = 0; i < c->batch->n; i++) {
		const struct relay_out *o = &c->batch->out[i];

		if (o->receiver == RELAY_NO_CLIENT ||
		    allowance_take(&c->allowance, o->n, now, wall_s))
			send_one(c, o);
		else
			drop_count_n(&c->drops, DROP_RELAY_RATE,
				     (o->n + o->segment - 1) / o->segment);
	}
	c->batch->n = 0;
}

/* put_by() - a datagram that may be for the control thread */
static void put_by(struct carrier *c, const struct udp_in *in, const uint8_t *m,
		   size_t n)
{
	struct carrier_message *b =
		&c->box[(c->box_head + c->box_count) % BOX_SLOTS];
	uint64_t one = 1;

	if (n > sizeof(b->m) || !stun_is(m, n)) {
		drop_count(&c->drops, DROP_UNKNOWN_TYPE);
		return;
	}
	if (c->box_count == BOX_SLOTS) {
		drop_count(&c->drops, DROP_CONTROL_RING_FULL);
		return;
	}
	b->from = in->from;
	b->n = n;
	memcpy(b->m, m, n);
	if (!c->box_count++ && write(c->told, &one, sizeof(one)) < 0)
		drop_count(&c->drops, DROP_CONTROL_RING_FULL);
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

static void take_train(struct carrier *c, unsigned socket, const struct udp_in *in,
		       nsec_t now, uint64_t wall_s)
{
	struct relay_in train = { .segment = in->segment,
				  .from = { .remote = in->from,
					    .local = in->to,
					    .socket = (uint8_t)socket },
				  .tos = in->tos };

	if (in->truncated || !in->segment) {
		drop_count(&c->drops,
			   in->truncated ? DROP_TRUNCATED : DROP_TOO_SHORT);
		return;
	}
	for (size_t i = 0; i < in->n; i += train.n) {
		train.data = in->data + i;
		train.n = kin_of(train.data, in->n - i, in->segment);
		if (train.data[0] != FRAME_MAGIC) {
			put_by(c, in, train.data, train.n < in->segment ?
							  train.n : in->segment);
			continue;
		}
		if (c->batch->n > RELAY_BATCH - RELAY_BATCH_INPUT)
			flush(c, now, wall_s);
		relay_server_input(c->server, &train, c->batch, now, wall_s);
	}
}

static void receive(struct carrier *c, unsigned socket)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		int n = udp_recv(&c->udp[socket], c->in, TRAINS);
		nsec_t now = time_now();
		uint64_t wall_s = time_wall() / SEC(1);

		for (int i = 0; i < n; i++)
			take_train(c, socket, &c->in[i], now, wall_s);
		flush(c, now, wall_s);
		if (n < TRAINS)
			return;
	}
}

static void tick(struct carrier *c)
{
	nsec_t now = time_now();
	uint8_t fresh[32];

	if (now < relay_server_next_expiry(c->server))
		return;
	rand_bytes(fresh, sizeof(fresh));
	relay_server_tick(c->server, fresh, now, time_wall() / SEC(1));
	secret_wipe(fresh, sizeof(fresh));
}

/* serve() - one wake-up; false: stop */
static bool serve(struct carrier *c)
{
	struct epoll_event ev[FAMILIES + 1];
	int n = epoll_wait(c->epoll, ev, FAMILIES + 1, WAIT_MS);
	bool go_on = true;

	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < n; i++) {
		if (ev[i].data.u32 == TAG_STOP)
			go_on = false;
		else
			receive(c, ev[i].data.u32);
	}
	tick(c);
	pthread_mutex_unlock(&c->lock);
	return go_on;
}

static void *run(void *arg)
{
	struct carrier *c = arg;

	if (sandbox_worker() < 0)
		log_warn("the relay for others runs without a seccomp filter");
	while (serve(c))
		;
	evp_thread_done();
	return NULL;
}

/* ---- set-up ---- */

static int watch(struct carrier *c, int fd, uint32_t tag)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = tag };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int open_port(struct carrier *c, unsigned family,
		     const struct carrier_params *p, uint16_t port)
{
	struct udp_params u = { .local.port = port,
				.v6 = family == 1,
				.gro = true,
				.mark = p->mark,
				.buffer_octets = BUFFER_OCTETS };
	int err = udp_open(&c->udp[family], &u);

	return err ? err : watch(c, c->udp[family].fd, family);
}

/* open_ports() - IPv4 is needed, IPv6 where there is any */
static int open_ports(struct carrier *c, const struct carrier_params *p)
{
	int err = open_port(c, 0, p, p->port);

	if (err == -EADDRINUSE && p->port)
		err = open_port(c, 0, p, 0);
	if (!err && open_port(c, 1, p, c->udp[0].port) < 0)
		udp_close(&c->udp[1]);
	return err;
}

static bool make_engine(struct carrier *c, const struct carrier_params *p)
{
	struct relay_server_params sp = { .key = p->key,
					  .coord = p->coord,
					  .network = p->network,
					  .clients_max = CARRIER_CLIENTS_MAX,
					  .seed = rand_u64(),
					  .admits = is_let,
					  .owner = c };

	rand_bytes(sp.secret, sizeof(sp.secret));
	c->server = relay_server_new(&sp);
	secret_wipe(&sp, sizeof(sp));
	c->batch = calloc(1, sizeof(*c->batch));
	c->memory = malloc((size_t)TRAINS * UDP_TRAIN_MAX);
	if (!c->server || !c->batch || !c->memory)
		return false;
	for (size_t i = 0; i < TRAINS; i++)
		c->in[i] = (struct udp_in){ .data = c->memory +
						    i * UDP_TRAIN_MAX,
					    .room = UDP_TRAIN_MAX };
	allowance_init(&c->allowance, p->rate, p->daily, p->day, p->today);
	return true;
}

/* start_thread() - with all signals blocked: they are the control thread's */
static int start_thread(struct carrier *c)
{
	sigset_t all, before;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	c->started = !err;
	return -err;
}

static int set_up(struct carrier *c, const struct carrier_params *p)
{
	int err;

	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->told = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->epoll < 0 || c->stop < 0 || c->told < 0)
		return -EMFILE;
	if (!make_engine(c, p))
		return -ENOMEM;
	err = watch(c, c->stop, TAG_STOP);
	if (!err)
		err = open_ports(c, p);
	return err ? err : start_thread(c);
}

struct carrier *carrier_start(const struct carrier_params *p, char why[static 256])
{
	struct carrier *c = calloc(1, sizeof(*c));
	int err = -ENOMEM;

	if (c) {
		c->udp[0].fd = c->udp[1].fd = -1;
		c->epoll = c->stop = c->told = -1;
		pthread_mutex_init(&c->lock, NULL);
		err = set_up(c, p);
	}
	if (!err)
		return c;
	snprintf(why, 256, "its port cannot be opened: %s", strerror(-err));
	carrier_stop(c);
	return NULL;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void carrier_stop(struct carrier *c)
{
	uint64_t one = 1;

	if (!c)
		return;
	if (c->started && write(c->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(c->thread, NULL);
	udp_close(&c->udp[0]);
	udp_close(&c->udp[1]);
	close_fd(c->epoll);
	close_fd(c->stop);
	close_fd(c->told);
	relay_server_free(c->server);
	free(c->batch);
	free(c->memory);
	free(c->let);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- for the control thread ---- */

uint16_t carrier_port(const struct carrier *c, bool v6)
{
	return c->udp[v6].fd >= 0 ? c->udp[v6].port : 0;
}

void carrier_send(struct carrier *c, const struct endpoint *to, const void *m, size_t n)
{
	struct udp *u = &c->udp[!ipaddr_is_v4(&to->ip)];
	struct udp_out out = { .to = *to, .data = m, .n = n };
	unsigned sent;

	if (u->fd >= 0 && !udp_send(u, &out, 1, &sent))
		return;
	pthread_mutex_lock(&c->lock);
	drop_count(&c->drops, DROP_UDP_SEND);
	pthread_mutex_unlock(&c->lock);
}

int carrier_fd(const struct carrier *c)
{
	return c->told;
}

bool carrier_take(struct carrier *c, struct carrier_message *out)
{
	uint64_t count;
	bool any;

	pthread_mutex_lock(&c->lock);
	any = c->box_count;
	if (any) {
		*out = c->box[c->box_head];
		c->box_head = (c->box_head + 1) % BOX_SLOTS;
		c->box_count--;
	} else if (read(c->told, &count, sizeof(count)) < 0) {
		any = false; /* was read before */
	}
	pthread_mutex_unlock(&c->lock);
	return any;
}

void carrier_stats(struct carrier *c, struct carrier_stats *out)
{
	struct relay_server_stats s;

	pthread_mutex_lock(&c->lock);
	relay_server_stats(c->server, &s);
	*out = (struct carrier_stats){
		.clients = s.clients,
		.forwarded = s.forwarded,
		.forwarded_octets = s.forwarded_octets,
		.day = c->allowance.day,
		.today = c->allowance.today,
		.spent = allowance_spent(&c->allowance, time_wall() / SEC(1)),
	};
	for (unsigned i = 0; i < DROP_COUNT; i++)
		out->drops[i] = c->drops.n[i] +
				relay_server_drops(c->server)->n[i];
	pthread_mutex_unlock(&c->lock);
}
