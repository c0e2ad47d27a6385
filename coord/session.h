/* SPDX-License-Identifier: MIT
 *
 * session.h - the server's connections; for server.c and server_policy.c alone
 */
#pragma once

#include "base/stream.h"
#include "coord/budget.h"
#include "coord/server.h"
#include "crypto/channel.h"

struct session {
	struct server *server;
	struct stream *stream;
	struct channel *channel;
	struct member *member; /* NULL before join or login */
	nsec_t since;
	nsec_t bucket; /* when the rate bucket is full again */
	nsec_t token_renewal;
	uint64_t sent; /* version of the map that it has */
	uint64_t instance; /* of the program at the other end; 0: it does not say */
	json_t *waiting; /* login that waits for an older session's sign of life */
	nsec_t waits_since;
	struct budget *budget; /* heap: most sessions never signal */
	struct session *next, **link;
};

struct server {
	struct server_params p;
	struct stream_server *streams;
	struct members members;
	struct loop_timer tick, push;
	nsec_t patience_due; /* NSEC_NEVER: nobody waits */
	struct loop_timer patience; /* with older sessions that do not answer */
	bool push_armed;
	bool approve; /* new nodes wait for approval */
	struct session *sessions;
	struct server_stats stats;
};

uint64_t server_wall_s(void);
void server_tell(struct session *x, json_t *o); /* takes the reference */
/* server_push() - what has changed to all, now */
void server_push(struct server *s);
/* server_send_token() - admission to the relays */
void server_send_token(struct session *x, nsec_t now);
/* server_key_of() - the tunnel key of the node that calls, as known; zero: none */
struct key_public server_key_of(const struct server *s, const struct session *x);
/* server_key_replaced() - the relay lets its old key, if that is another, in no more;
 * takes NULL: the login failed */
void server_key_replaced(struct server *s, const struct member *n,
			 const struct key_public *old);
/* server_load_policy() - at start; false: why is a sentence */
must_check bool server_load_policy(struct server *s, char why[static 256]);
