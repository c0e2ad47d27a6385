/* SPDX-License-Identifier: MIT
 *
 * forwarder.c - TUN to UDP and back without a protocol: the ceiling for aditd
 *
 * The same device, offloads and sockets as the daemon's, one thread, one peer; in front
 * of each packet a 64-bit counter, as a nonce needs one. With an AEAD named, packets are
 * sealed with a key that everybody can read here: it measures, it protects nothing.
 *
 *   forwarder IFACE LOCAL_IP:PORT REMOTE_IP:PORT [chacha|aes]
 *
 * REMOTE "-": answered is whoever sent last. Used by scripts/bench.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/udp.h"
#include "base/wire.h"
#include "crypto/aead.h"
#include "tun/ip.h"
#include "tun/offload.h"

enum {
	MTU = 1420,
	HEADER = 8, /* the counter */
	TRAINS = 8, /* of one receive */
	READS = 64, /* of one turn */
	ARENA = 320 * 1024,
	SOCKET_BUFFER = 8 << 20,
};

struct forwarder {
	struct device device;
	struct udp udp;
	struct endpoint remote;
	struct aead_thread *aead; /* NULL: in clear */
	struct aead_key key;
	struct offload_merger *merger;
	uint64_t counter;
	uint8_t read[DEVICE_READ_MAX];
	uint8_t arena[ARENA];
	uint8_t receive[TRAINS][UDP_TRAIN_MAX];
	struct aead_job jobs[AEAD_JOBS_MAX];
	struct offload_packet packets[OFFLOAD_MERGE_MAX];
	struct offload_write writes[OFFLOAD_MERGE_MAX];
	unsigned count; /* packets */
};

static void seal(struct forwarder *f, const struct offload_cut *c,
		 uint8_t *out)
{
	for (unsigned at = 0; at < c->count; at += AEAD_JOBS_MAX) {
		unsigned n = c->count - at;

		if (n > AEAD_JOBS_MAX)
			n = AEAD_JOBS_MAX;
		for (unsigned i = 0; i < n; i++) {
			uint8_t *p = out + (at + i) * c->stride;
			bool last = at + i + 1 == c->count;
			le64 number = le64_of(++f->counter);

			memcpy(p, &number, HEADER);
			f->jobs[i] = (struct aead_job){
				.data = p + HEADER,
				.n = last ? c->last_length : c->length,
				.counter = f->counter,
			};
		}
		if (f->aead)
			aead_seal(f->aead, &f->key, f->jobs, n);
	}
}

/* take() - one read into the arena; octets used of it */
static size_t take(struct forwarder *f, size_t n, size_t used,
		   struct udp_out *train)
{
	struct offload_layout layout = {
		.out = f->arena + used,
		.room = ARENA - used,
		.headroom = HEADER,
		.tailroom = f->aead ? AEAD_TAG_OCTETS : 0,
	};
	struct offload_cut c;

	if (offload_plan(f->read, n, 1, MTU, &layout, &c) != DROP_NONE ||
	    offload_split(f->read, n, &layout, &c) != DROP_NONE)
		return 0;
	seal(f, &c, layout.out);
	*train = (struct udp_out){
		.to = f->remote,
		.data = layout.out,
		.n = (c.count - 1) * c.stride + HEADER + c.last_length +
		     layout.tailroom,
		.segment = c.count > 1 ? c.stride : 0,
	};
	return train->n;
}

/* send_train() - in parts that the kernel takes; what it refuses is lost */
static void send_train(struct forwarder *f, const struct udp_out *train)
{
	size_t step = train->segment ? train->segment : train->n;
	size_t most = UDP_TRAIN_SEND / step;

	most = (most < UDP_SEGMENTS_MAX ? most : UDP_SEGMENTS_MAX) * step;
	for (size_t at = 0; at < train->n; at += most) {
		struct udp_out part = *train;
		unsigned sent;

		part.data += at;
		part.n = train->n - at < most ? train->n - at : most;
		if (udp_send(&f->udp, &part, 1, &sent) < 0)
			return;
	}
}

static void outbound(struct forwarder *f)
{
	struct udp_out trains[READS];
	unsigned count = 0;
	size_t used = 0;

	while (count < READS && ARENA - used > 96 * 1024) {
		int n = device_read(&f->device, 0, f->read, sizeof(f->read));
		size_t took;

		if (n <= 0)
			break;
		took = take(f, (size_t)n, used, &trains[count]);
		if (took)
			count++;
		used += took;
	}
	for (unsigned i = 0; i < count && f->remote.port; i++)
		send_train(f, &trains[i]);
}

static void deliver(struct forwarder *f)
{
	unsigned n = offload_merge(f->merger, f->packets, f->count, f->writes);

	f->count = 0;
	for (unsigned i = 0; i < n; i++)
		if (device_write(&f->device, 0, f->writes[i].iov,
				 f->writes[i].iovs) < 0)
			perror("write to the device");
}

/* take_opened() - n jobs to the merger */
static void take_opened(struct forwarder *f, unsigned n)
{
	struct ip_header ip;

	if (f->aead)
		aead_open(f->aead, &f->key, f->jobs, n);
	for (unsigned i = 0; i < n; i++) {
		if ((f->aead && !f->jobs[i].ok) ||
		    !ip_parse(f->jobs[i].data, f->jobs[i].n, &ip))
			continue;
		if (f->count == OFFLOAD_MERGE_MAX)
			deliver(f);
		f->packets[f->count++] = (struct offload_packet){
			f->jobs[i].data, ip.length };
	}
}

static void take_train(struct forwarder *f, const struct udp_in *in)
{
	size_t over = HEADER + (f->aead ? AEAD_TAG_OCTETS : 0);
	unsigned n = 0;

	for (size_t at = 0; at < in->n; at += in->segment) {
		size_t left = in->n - at;
		size_t octets = left < in->segment ? left : in->segment;
		le64 number;

		if (octets <= over)
			continue;
		if (n == AEAD_JOBS_MAX) {
			take_opened(f, n);
			n = 0;
		}
		memcpy(&number, in->data + at, HEADER);
		f->jobs[n++] = (struct aead_job){
			.data = in->data + at + HEADER,
			.n = octets - over,
			.counter = le64_get(number),
		};
	}
	take_opened(f, n);
}

static void inbound(struct forwarder *f)
{
	struct udp_in in[TRAINS];
	int n;

	for (unsigned i = 0; i < TRAINS; i++)
		in[i] = (struct udp_in){ .data = f->receive[i],
					 .room = UDP_TRAIN_MAX };
	n = udp_recv(&f->udp, in, TRAINS);
	for (int i = 0; i < n; i++) {
		f->remote = in[i].from;
		take_train(f, &in[i]);
	}
	if (f->count)
		deliver(f);
}

static int start_aead(struct forwarder *f, const char *name)
{
	static const uint8_t key[AEAD_KEY_OCTETS] = { 1 };

	if (aead_setup(NULL) < 0)
		return -1;
	f->aead = aead_thread_new();
	aead_key_init(&f->key, strcmp(name, "aes") ? AEAD_CHACHA20_POLY1305 :
						     AEAD_AES_256_GCM, key);
	return f->aead ? 0 : -1;
}

static int start(struct forwarder *f, char **argv)
{
	struct udp_params p = { .gro = true, .buffer_octets = SOCKET_BUFFER };
	char why[256];

	if (!endpoint_parse(argv[2], &p.local) ||
	    (strcmp(argv[3], "-") && !endpoint_parse(argv[3], &f->remote))) {
		fprintf(stderr, "forwarder: IP:PORT wanted\n");
		return -1;
	}
	if (device_open(&f->device, argv[1], 1, why) < 0) {
		fprintf(stderr, "forwarder: %s\n", why);
		return -1;
	}
	f->merger = offload_merger_new(f->device.tso, f->device.uso);
	if (!f->merger || udp_open(&f->udp, &p) < 0) {
		perror("forwarder");
		return -1;
	}
	return argv[4] ? start_aead(f, argv[4]) : 0;
}

static int watch(int epoll, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}

int main(int argc, char **argv)
{
	struct forwarder *f = aligned_alloc(64, (sizeof(*f) + 63) / 64 * 64);
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (argc < 4 || argc > 5 || !f) {
		fprintf(stderr, "usage: forwarder IFACE LOCAL_IP:PORT "
			"REMOTE_IP:PORT [chacha|aes]\n");
		return 2;
	}
	memset(f, 0, offsetof(struct forwarder, read));
	f->count = 0;
	if (start(f, argv) < 0 || watch(epoll, f->device.fd[0]) < 0 ||
	    watch(epoll, f->udp.fd) < 0)
		return 1;
	for (;;) {
		struct epoll_event ev[2];
		int n = epoll_wait(epoll, ev, 2, -1);

		for (int i = 0; i < n; i++)
			if (ev[i].data.fd == f->udp.fd)
				inbound(f);
			else
				outbound(f);
	}
}
