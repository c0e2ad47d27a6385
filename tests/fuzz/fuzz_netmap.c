/* SPDX-License-Identifier: MIT
 *
 * fuzz_netmap.c - any octets as netmap messages, one a line, applied in turn
 */
#include <stdlib.h>
#include <string.h>

#include "coord/netmap.h"
#include "coord/proto.h"
#include "coord/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct netmap *m)
{
	for (unsigned i = 0; i < m->peer_count; i++) {
		const struct netmap_node *n = &m->peers[i];

		if (!name_valid(n->name) || key_public_is_zero(&n->key) ||
		    !prefix_contains(&m->overlay[0], &n->v4) ||
		    !prefix_contains(&m->overlay[1], &n->v6) ||
		    n->id == m->self.id || (i && m->peers[i - 1].id >= n->id))
			abort();
	}
	if (m->relay_count > NETMAP_RELAYS_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netmap m;

	netmap_init(&m);
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;
		enum proto_type type;
		json_t *o = proto_parse(data, n, PROTO_MESSAGE_MAX, &type);
		uint64_t version = m.version;

		if (o && netmap_apply(&m, o) < 0 && m.version != version)
			abort();
		json_decref(o);
		check(&m);
		data += n + (end != NULL);
		size -= n + (end != NULL);
	}
	netmap_done(&m);
	return 0;
}
