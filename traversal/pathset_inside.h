/* SPDX-License-Identifier: MIT
 *
 * pathset_inside.h - struct pathset, shared by the pathset_*.c files alone
 *
 * pathset.c is told things, pathset_input.c hears the peer, pathset_poll.c lets time
 * pass and gives actions, pathset_status.c explains.
 */
#pragma once

#include "base/rand.h"
#include "traversal/birthday.h"
#include "traversal/bracket.h"
#include "traversal/budget.h"
#include "traversal/disco.h"
#include "traversal/path.h"
#include "traversal/pathset.h"
#include "traversal/punch.h"

enum {
	PATHSET_OUT = 64, /* messages waiting to be polled */
	PATHSET_USER_PINGS = 16,
	PATHSET_TARGETS = 4, /* endpoints punched at in one round */
};

/* A message that waits; its octets are made when it is polled. */
enum out_kind {
	OUT_PONG,
	OUT_CAND,
	OUT_GO,
	OUT_OPENED,
	OUT_OPENER,
	OUT_RELAY_PING,
	OUT_USER_PING,
	OUT_SCAN,
	OUT_WIN,
	OUT_STOP,
	OUT_FAN_STUN,
	OUT_FAN_OPENER,
	OUT_CROSS,
};

struct out {
	enum out_kind kind;
	struct pathset_source via; /* from: the destination */
	uint8_t ttl;
	unsigned flags; /* CAND */
	unsigned slot; /* path of an opener, user ping, socket of the fan */
	uint64_t txid; /* PONG */
	uint32_t plan;
	unsigned round; /* CROSS: the step */
	struct endpoint at; /* CROSS */
};

struct relay_slot {
	bool usable;
	enum pathset_relay_kind kind;
	nsec_t hint; /* what the caller said; 0: nothing */
	nsec_t srtt; /* what our pings say; 0: nothing */
	uint64_t txid; /* in flight; 0: none */
	bool asked; /* a ping is in flight, or about to be */
	nsec_t sent, due;
	unsigned unanswered; /* pings in a row */
	unsigned pongs; /* in a row, since the last silence; up to 8 */
};

struct user_ping {
	bool used, done;
	uint32_t id;
	uint64_t txid;
	nsec_t sent; /* 0: still waiting to go */
	nsec_t rtt;
	struct path_info path;
};

enum scan_step {
	SCAN_REST,
	SCAN_SOCKETS, /* the caller opens them */
	SCAN_ASK, /* easy: STUN, what does our socket look like? */
	SCAN_CALL, /* easy: the peer is asked to open */
	SCAN_PROBE, /* easy: probes go out */
	SCAN_LINGER, /* easy: the last ones may still be answered */
	SCAN_BRACKET, /* hard: two STUN answers are awaited */
	SCAN_OPEN, /* hard: openers go out */
	SCAN_HOLD, /* hard: the peer probes */
	SCAN_ADOPT, /* met: the caller makes the socket a port */
};

struct scan { /* one attempt of R3 */
	enum scan_step step;
	bool easy, won; /* easy: we lead */
	enum disco_how how;
	uint32_t plan;
	unsigned fans, opened, tries, attempt;
	struct endpoint at; /* of the leading side's socket */
	struct endpoint aim; /* of our openers; the address that we deal with */
	struct endpoint first, last; /* STUN answers of a bracket */
	struct bracket_window window;
	struct birthday walk;
	unsigned probed; /* COUNTERS: sockets that have sent theirs */
	unsigned fan; /* that was reached */
	struct endpoint from; /* and from where */
	uint64_t txid;
	nsec_t due;
	char what[PATH_WHAT]; /* for pathset_explain() */
	const char *outcome; /* NULL: there was none yet */
};

enum cross_step {
	CROSS_REST,
	CROSS_ASK, /* the caller finds out how our port looks */
	CROSS_CALL, /* leader: the peer is to find out the same */
	CROSS_HOLD, /* leader: "now" is under way; half a round trip */
	CROSS_WAIT, /* follower: the peer says when */
	CROSS_DIAL, /* the caller connects */
};

struct cross { /* one simultaneous open; pathset_cross.c */
	enum cross_step step;
	uint32_t plan;
	unsigned calls;
	struct endpoint self, peer;
	nsec_t due;
};

struct tcp { /* streams to the peer; pathset_tcp.c */
	bool open[PATHSET_STREAMS];
	bool dialling, want_dial, want_ask, want_cross;
	struct endpoint to; /* of the dial */
	unsigned tries; /* since the last restart */
	unsigned turn; /* which candidate is next */
	nsec_t due; /* next dial; NSEC_NEVER: none is wanted */
	nsec_t look; /* while data goes by TCP: is UDP there again? */
	struct rate dials, crosses; /* by the hour */
	char what[PATH_WHAT]; /* for pathset_explain() */
	char outcome[PATH_WHAT]; /* "": there was no try */
	struct cross cross;
};

struct spare { /* the search for a path by the other uplink; pathset_spare.c */
	nsec_t due; /* next try; NSEC_NEVER: none is wanted */
	nsec_t pings; /* of the try under way; NSEC_NEVER: none is */
	unsigned tries; /* since the last change */
};

struct side { /* what one end is known by */
	struct candidate_list list;
	struct nat_profile nat;
	uint32_t generation;
	bool known;
};

struct pathset {
	struct box box;
	struct prng prng;
	bool controls; /* our public key is the smaller one */
	uint64_t instance, peer_instance;
	const struct prefix *overlay;
	unsigned overlay_count;

	struct side self, peer;
	struct candidate_list netmap; /* as the coordination server said */
	bool peer_told; /* peer comes from its CAND, not from the netmap */
	uint32_t acked; /* our generation that the peer has */
	bool acked_any;
	struct endpoint remembered;
	bool v6[PATHSET_SOCKETS_MAX];
	unsigned socket_count;

	struct relay_slot relay[PATHSET_RELAYS_MAX];
	struct path path[PATHSET_PATHS_MAX];
	int best, followed; /* index of path; -1: none */
	int rival; /* path that was better at the last looks */
	unsigned rival_count;
	nsec_t look, best_since;
	struct pathset_use use, told;

	struct out out[PATHSET_OUT];
	unsigned out_head, out_count;
	struct budget budget;
	struct budget_node *shared; /* NULL: none */
	struct rate cand_rate, adopt_rate;

	nsec_t active_until, used_until, engaged_until, busy_until;
	int relay_used; /* that pathset_choose() chose last; -1: none */
	nsec_t cand_due;
	unsigned cand_tries;
	struct punch punch;
	unsigned round, retry_step;
	nsec_t peer_leads; /* until then the peer's next round is awaited */
	bool must_lead; /* the peer asked for it */
	nsec_t retry; /* next round or WAIT end */
	struct scan scan;
	bool scanned; /* R3 was tried since the last wait */
	struct pathset_pair searched;
	struct rate scans, brackets, fans; /* attempts by the hour */
	struct tcp tcp;
	unsigned uplinks; /* sockets of spare uplinks; bit 0: PATHSET_UPLINKS */
	struct spare spare;
	int want_fan; /* sockets to ask for; -1: nothing */
	bool want_adopt;
	bool want_stun, want_sockets, want_handshake;
	nsec_t stun_asked, self_set;

	struct user_ping user[PATHSET_USER_PINGS];
};

/* ---- pathset.c ---- */

bool pathset_active(const struct pathset *ps, nsec_t now);
/* pathset_out() - queue; a full queue loses it: everything is repeated anyway */
void pathset_out(struct pathset *ps, const struct out *o);
void pathset_send_cand(struct pathset *ps, unsigned flags);
/* pathset_path() - the path, made if need be; NULL: no room or not allowed */
struct path *pathset_path(struct pathset *ps, unsigned socket,
			  const struct endpoint *to, enum candidate_kind kind,
			  nsec_t now);
struct path *pathset_find(struct pathset *ps, unsigned socket,
			  const struct endpoint *to);
/* pathset_socket() - newest (or main) socket of a family; -1: none */
int pathset_socket(const struct pathset *ps, bool v6, bool newest);
int pathset_relay_best(const struct pathset *ps);
/* pathset_relays.c */
void pathset_tick_relays(struct pathset *ps, nsec_t now);
/* pathset_relay_along() - the peer has pinged through it: a ping of ours that would go
 * soon goes at once, since both nodes are awake now */
void pathset_relay_along(struct pathset *ps, unsigned relay, nsec_t now);
must_check enum drop pathset_relayed_pong(struct pathset *ps, unsigned relay,
					  uint64_t txid, nsec_t now);
void pathset_busy(struct pathset *ps, nsec_t now); /* data moves */
bool pathset_relay_doubted(const struct pathset *ps, int relay);
int pathset_relay_second(const struct pathset *ps, int best); /* -1: none */
/* pathset_relays_carry() - the choice is made: what carries data is asked as often as that
 * needs, however seldom it was asked until now */
void pathset_relays_carry(struct pathset *ps, nsec_t now);
/* pathset_forget() - the path in this slot is no more */
void pathset_forget(struct pathset *ps, int slot, nsec_t now);
/* pathset_probe_r0() - ping every candidate that needs no opener */
void pathset_probe_r0(struct pathset *ps, nsec_t now);
/* pathset_kick() - forget failures; try from the start */
void pathset_kick(struct pathset *ps, nsec_t now);
/* pathset_restart() - punch again from round 1, now */
void pathset_restart(struct pathset *ps, nsec_t now);
void pathset_ask_stun(struct pathset *ps, nsec_t now);

/* ---- pathset_punch.c ---- */

/* pathset_direct_safe() - may a normal ping go to this candidate without openers? */
bool pathset_direct_safe(const struct pathset *ps, const struct candidate *c);
void pathset_open(struct pathset *ps, unsigned round, nsec_t now);
void pathset_tick_punch(struct pathset *ps, nsec_t now);
nsec_t pathset_next_punch(const struct pathset *ps);
/* pathset_behind_one() - do both ends show the same external IPv4 address? */
bool pathset_behind_one(const struct pathset *ps);

/* pathset_on_link() - could this private address be next to us? */
bool pathset_on_link(const struct pathset *ps, const struct endpoint *at);

/* ---- pathset_input.c, pathset_hello.c ---- */

/* pathset_ping_back() - it reached us: then we may reach it, and should ask at once */
void pathset_ping_back(struct path *p, bool was_back, nsec_t now);
bool pathset_is_hello(const struct disco_message *m);
enum drop pathset_take_hello(struct pathset *ps, const struct pathset_source *src,
			     const struct disco_message *m, nsec_t now);

/* ---- pathset_tcp.c ---- */

bool pathset_is_stream(unsigned socket); /* is it the number of a stream? */
/* pathset_streamed() - is it one that is open? */
bool pathset_streamed(const struct pathset *ps, unsigned socket);
void pathset_tick_tcp(struct pathset *ps, nsec_t now);
nsec_t pathset_next_tcp(const struct pathset *ps);
/* pathset_tcp_reset() - what failed may work now */
void pathset_tcp_reset(struct pathset *ps);
/* pathset_tcp_say() - outcome of the try under way, for pathset_explain() */
void pathset_tcp_say(struct pathset *ps, const char *outcome);
/* pathset_tcp_told() - a wish of it as an action; false: there is none */
bool pathset_tcp_told(struct pathset *ps, struct pathset_action *out);

/* ---- pathset_cross.c ---- */

/* pathset_cross_begin() - if both can take part and we lead; false: not now */
bool pathset_cross_begin(struct pathset *ps, nsec_t now);
void pathset_cross_stop(struct pathset *ps);
void pathset_tick_cross(struct pathset *ps, nsec_t now);
nsec_t pathset_next_cross(const struct pathset *ps);
enum drop pathset_take_cross(struct pathset *ps, const struct pathset_source *src,
			     const struct disco_message *m, nsec_t now);

/* ---- pathset_spare.c ---- */

bool pathset_is_uplink(unsigned socket); /* is it the number of a spare uplink's? */
/* pathset_is_spare() - does this path use a spare uplink, of ours or of the peer's? */
bool pathset_is_spare(const struct pathset *ps, const struct path *p);
/* pathset_spare_reset() - something changed: search anew, soon */
void pathset_spare_reset(struct pathset *ps, nsec_t now);
void pathset_tick_spare(struct pathset *ps, nsec_t now);
nsec_t pathset_next_spare(const struct pathset *ps);

/* ---- pathset_scan.c ---- */

/* pathset_scan_begin() - R3 if the pair calls for it now; true: under way */
bool pathset_scan_begin(struct pathset *ps, nsec_t now);
void pathset_scan_stop(struct pathset *ps, nsec_t now);
/* pathset_scan_probe() - true: a probe from that socket to *to is due */
bool pathset_scan_probe(struct pathset *ps, unsigned *fan, struct endpoint *to,
			nsec_t now);
/* pathset_scan_ping() - the peer's ping came in at a socket of the fan */
enum drop pathset_scan_ping(struct pathset *ps, const struct pathset_source *src,
			    const struct disco_message *m, nsec_t now);
enum drop pathset_take_scan(struct pathset *ps, const struct pathset_source *src,
			    const struct disco_message *m, nsec_t now);
enum drop pathset_take_win(struct pathset *ps, const struct pathset_source *src,
			   const struct disco_message *m, nsec_t now);
enum drop pathset_take_stop(struct pathset *ps, const struct pathset_source *src,
			    const struct disco_message *m, nsec_t now);
void pathset_tick_scan(struct pathset *ps, nsec_t now);
nsec_t pathset_next_scan(const struct pathset *ps);

/* ---- pathset_poll.c ---- */

/* pathset_affordable() - one packet to an endpoint there, on path p or on none (NULL) */
bool pathset_affordable(struct pathset *ps, const struct ipaddr *ip,
			const struct path *p, nsec_t now);

/* pathset_attested() - our own servers saw the peer at this address: the netmap says so */
bool pathset_attested(const struct pathset *ps, const struct ipaddr *ip);

/* ---- pathset_choice.c ---- */

void pathset_choose(struct pathset *ps, nsec_t now);
bool pathset_direct(const struct pathset *ps); /* is data going direct, by UDP? */
