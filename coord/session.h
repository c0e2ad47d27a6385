/* SPDX-License-Identifier: MIT
 *
 * session.h - the server's connections; for the files server*.c alone
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
	bool lost; /* of what it is being told */
	uint64_t instance; /* of the program at the other end; 0: it does not say */
	json_t *waiting; /* login that waits for an older session's sign of life */
	nsec_t waits_since;
	json_t *held; /* login of an expired node, for the day when it is revived */
	uint64_t told_expires; /* when its membership ends, as the node knows */
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
	nsec_t push_rest; /* no push before, but those that must not wait */
	bool approve; /* new nodes wait for approval */
	uint64_t expiry_s; /* a membership's life without contact; 0: for ever */
	uint64_t alive_s; /* noted in the registry */
	struct session *sessions;
	struct server_stats stats;
};

uint64_t server_wall_s(void);
void server_tell(struct session *x, json_t *o); /* takes the reference */
void server_tell_part(void *owner, const struct members_part *part); /* a session */
/* server_told() - a session has all parts of what there is to tell */
void server_told(struct session *x);
void server_tell_error(struct session *x, const char *code, const char *text,
		       bool final);
/* server_close() - once all is sent; frees the session */
void server_close(struct session *x);
/* server_log_in() - join or login as the message says; the session may be gone afterwards */
void server_log_in(struct session *x, json_t *o);
/* server_welcome() - logged in, as the message says; ends an older session */
void server_welcome(struct session *x, struct member *n, const json_t *login);
/* server_push_soon() - together with what changes in the next milliseconds; after a push
 * to many, in the next tenths of a second */
void server_push_soon(struct server *s);
/* server_push_at_once() - in this turn of the loop, after what is being done */
void server_push_at_once(struct server *s);
/* server_store() - what is about to be told: members_store() */
void server_store(struct server *s);
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
/* server_forget() - the member is gone afterwards; its session, if any, has no member;
 * NULL or a sentence */
const char *server_forget(struct server *s, struct member *n);
/* server_load_relays() - ours and those of the registry */
void server_load_relays(struct server *s);
/* server_copy_suspected() - does another program hold a session of this node? */
bool server_copy_suspected(const struct session *x, const struct member *n);
/* server_copy_ask() - the login waits for that session's sign of life */
void server_copy_ask(struct session *x, struct member *n, json_t *login);
/* server_copy_found() - that session lives: the newer is a copy; both are told */
void server_copy_found(struct session *x);
must_check int server_copy_init(struct server *s); /* 0 or -errno */
void server_copy_done(struct server *s);
/* server_load_policy() - at start; false: why is a sentence */
must_check bool server_load_policy(struct server *s, char why[static 256]);
/* server_load_expiry() - at start, with all members loaded */
void server_load_expiry(struct server *s, uint64_t now_s);
/* server_expiry_pass() - once a second: who is renewed, who expires, who must be told */
void server_expiry_pass(struct server *s, uint64_t now_s);
/* server_hold() - the node has expired: it may wait here, and is told why */
void server_hold(struct session *x, json_t *login, const char *why);
