/* SPDX-License-Identifier: MIT
 *
 * fuzz_hello.c - any octets as a hello of a peer, from any source: pings go to that source
 * at most, never to a forbidden place, and no more than an unproven address may get
 *
 * Input: family, address (16), port (2), then the opened message.
 */
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "crypto/box.h"
#include "traversal/candidate.h"
#include "traversal/hello.h"
#include "traversal/pathset.h"

#define T0    SEC(1000)
#define EPOCH 7

enum { HEAD = 19 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct key_private ours = { { 8 } }, theirs = { { 16 } };
static struct key_public our_public, their_public;

static void need(bool ok)
{
	if (!ok)
		abort();
}

static bool start(void)
{
	need(key_setup() == 0);
	key_public_of(&ours, &our_public);
	key_public_of(&theirs, &their_public);
	return true;
}

static struct pathset *make(void)
{
	const bool v6[2] = { false, true };
	struct pathset_params p = { .self_private = &ours,
				    .self = our_public,
				    .peer = their_public,
				    .box_counter = 1,
				    .seed = 1 };
	struct candidate_list none = { .count = 0 };
	struct nat_profile nat = { .known = false };
	struct pathset *ps = pathset_new(&p);

	need(ps);
	pathset_set_sockets(ps, v6, 2, T0);
	pathset_set_local(ps, &none, &nat, 1, T0);
	return ps;
}

static struct pathset_source source(const uint8_t *data)
{
	struct pathset_source s = { .hello = true, .socket = data[0] & 1 };

	s.from.ip = data[0] & 1 ? ipaddr_from_v6(data + 1) :
				  ipaddr_from_v4(data + 13);
	s.from.scope = data[0] & 1 ? data[0] >> 1 : 0;
	s.from.port = (uint16_t)(data[17] << 8 | data[18]);
	return s;
}

static void follow(struct pathset *ps, const struct pathset_source *src)
{
	struct pathset_action a;
	unsigned sent = 0;

	for (nsec_t now = T0; now < T0 + SEC(25); now += MSEC(250))
		for (int i = 0; i < 64; i++) {
			pathset_poll(ps, &a, EPOCH, now);
			if (a.kind == PATHSET_IDLE)
				break;
			if (a.kind != PATHSET_SEND_DIRECT)
				continue;
			need(endpoint_eq(&a.to, &src->from));
			need(candidate_allowed(&a.to, NULL, 0));
			sent++;
		}
	need(sent <= 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	struct pathset_source src;
	uint8_t m[BOX_MAX];
	struct pathset *ps;
	struct box box;
	size_t n;

	started = started || start();
	if (size < HEAD)
		return 0;
	src = source(data);
	(void)hello_believed(&src.from, NULL, 0);
	n = size - HEAD > BOX_PLAIN_MAX ? BOX_PLAIN_MAX : size - HEAD;
	need(box_init(&box, &theirs, &their_public, &our_public, 1));
	n = box_seal(&box, EPOCH, data + HEAD, n, m);
	ps = make();
	(void)pathset_input(ps, &src, m, n, EPOCH, T0);
	follow(ps, &src);
	pathset_free(ps);
	return 0;
}
