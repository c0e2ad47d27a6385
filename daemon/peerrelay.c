/* SPDX-License-Identifier: MIT
 *
 * peerrelay.c - may and can this node relay for others? then it does, and offers it
 */
#include "daemon/peerrelay.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/blake2s.h"
#include "daemon/carrier.h"
#include "daemon/mapping.h"
#include "daemon/thrift.h"
#include "traversal/portcheck.h"
#include "tun/gateway.h"

#define LOOK	   SEC(30) /* at power and link, and at what was not possible */
#define ASK_FIRST  MSEC(500) /* until a server has answered, doubling */
#define ASK_NAT	   SEC(20) /* keeps our place in a NAT */
#define ASK_OPEN   SEC(60)
#define PROVE_AGAIN SEC(300) /* what was proved */
#define CLOSED_WAIT SEC(600) /* what was disproved */
#define NOBODY_AFTER SEC(120)
#define NOBODY_WAIT SEC(1800)
#define SAVE_EVERY SEC(300)

enum {
	FAMILIES = 2, /* 0 is IPv4 */
	MEGABIT = 1000000 / 8,
	GIGABYTE = 1000000000,
};

enum reason { /* rows of reasons[] */
	OFF_BY_USER,
	NO_NETWORK,
	ON_BATTERY,
	METERED,
	BEHIND_NAT,
	SPENT,
	NO_PORT,
	PROVING,
	NOT_REACHED,
	NOBODY_CAME,
	OFFERED,
};

static const struct {
	const char *state, *why;
} reasons[] = {
	[OFF_BY_USER] = { "off", "adit set relay is off" },
	[NO_NETWORK] = { "off", "no coordination server has told whom to serve" },
	[ON_BATTERY] = { "off", "this machine runs on its battery; adit set relay "
				"on to relay all the same" },
	[METERED] = { "off", "the way out is a mobile network or dialled; adit set "
			     "relay on to relay all the same" },
	[BEHIND_NAT] = { "off", "others cannot reach this machine unasked" },
	[SPENT] = { "spent", "today's allowance is used up; it begins anew at "
			     "midnight UTC" },
	[NO_PORT] = { "off", "no UDP port can be opened for it" },
	[PROVING] = { "proving", "waiting for a stranger's packet to arrive" },
	[NOT_REACHED] = { "closed", "a stranger's packet did not arrive: open its "
				    "UDP port in the firewall" },
	[NOBODY_CAME] = { "closed", "nobody got through in two minutes: open its "
				    "UDP port in the firewall" },
	[OFFERED] = { "on", NULL },
};

struct side { /* of one family */
	struct endpoint external; /* as a server saw us; zero: not yet */
	struct stun_txid txid; /* of the request in flight */
	unsigned server; /* asked last */
	nsec_t ask, wait; /* next request */
	struct portcheck check;
	nsec_t prove; /* next proof */
	bool proved;
};

struct peerrelay {
	struct node *node;
	struct carrier *carrier; /* NULL: does not run */
	struct loop_watch watch;
	struct loop_timer timer;
	struct side side[FAMILIES];
	enum reason reason;
	struct key_public key;
	nsec_t looked; /* at power and link; 0: never */
	enum reason thrift; /* what was seen then: ON_BATTERY, METERED, OFFERED */
	nsec_t nobody_until, closed_until; /* not tried again before */
	nsec_t offered_since; /* and nobody has come; 0: not offered, or somebody has */
	nsec_t saved;
	uint64_t day, today; /* of what ran before */
	uint64_t octets; /* of those that ran before, since we are up */
};

/* ---- may it? ---- */

static enum reason look_at_host(const struct node *n)
{
	char name[IF_NAMESIZE] = "";
	struct gateway g;

	if (thrift_on_battery("/sys"))
		return ON_BATTERY;
	if (!gateway_find(false, n->device.index, &g) &&
	    if_indextoname(g.index, name) && thrift_metered("/sys", name))
		return METERED;
	return OFFERED;
}

/* is_plausible() - is it worth a proof? Most machines are behind a NAT that lets nobody
 * in: they need not run a relay to find that out again and again. A server with one
 * address cannot tell a NAT that filters by address from none: that shows when nobody
 * comes */
static bool is_plausible(const struct node *n)
{
	switch (n->filtering) {
	case NAT_NONE:
	case NAT_ENDPOINT_INDEPENDENT:
	case NAT_ADDRESS_DEPENDENT:
		return true;
	case NAT_UNKNOWN:
	case NAT_ADDRESS_AND_PORT_DEPENDENT:
		break;
	}
	return mapping_report(n, false).proved;
}

static enum reason may(struct peerrelay *p, nsec_t now)
{
	struct node *n = p->node;

	if (n->state.relay == STATE_RELAY_OFF)
		return OFF_BY_USER;
	if (!n->state.enrolled || !netmap_has_sign(&n->netmap) ||
	    n->netmap.waiting)
		return NO_NETWORK;
	if (now < p->nobody_until)
		return NOBODY_CAME;
	if (now < p->closed_until)
		return NOT_REACHED;
	if (n->state.relay == STATE_RELAY_ON)
		return OFFERED;
	if (!p->looked || nsec_since(p->looked, now) >= LOOK) {
		p->looked = now;
		p->thrift = look_at_host(n);
	}
	if (p->thrift != OFFERED)
		return p->thrift;
	return p->carrier || is_plausible(n) ? OFFERED : BEHIND_NAT;
}

/* ---- the relay itself ---- */

static void on_told(struct loop_watch *w, nsec_t now);

/* derive_key() - the relay's key is one with this node's for good, and another one */
static void derive_key(const struct node *n, struct key_private *out)
{
	static const char label[] = "adit peer relay 1";

	blake2s_keyed(out->b, sizeof(out->b), n->identity.private_key.b,
		      sizeof(n->identity.private_key.b), label,
		      sizeof(label) - 1);
}

static uint16_t wanted_port(const struct node *n)
{
	uint16_t main = n->ports[0].udp[0].port;

	if (n->conf.relay_port)
		return n->conf.relay_port;
	return main < UINT16_MAX - 1 ? (uint16_t)(main + 1) : 0;
}

static void let_peers(struct peerrelay *p)
{
	const struct netmap *m = &p->node->netmap;
	struct key_public *keys = calloc(m->peer_count + 1, sizeof(*keys));

	for (unsigned i = 0; keys && i < m->peer_count; i++)
		keys[i] = m->peers[i].key;
	carrier_let(p->carrier, keys, keys ? m->peer_count : 0);
	free(keys);
}

static bool open_carrier(struct peerrelay *p, nsec_t now)
{
	struct node *n = p->node;
	struct carrier_params cp = {
		.coord = n->netmap.sign,
		.network = n->netmap.network,
		.port = wanted_port(n),
		.mark = n->conf.mark,
		.rate = (uint64_t)n->conf.relay_rate * MEGABIT,
		.daily = (uint64_t)n->conf.relay_daily * GIGABYTE,
		.day = p->day,
		.today = p->today,
	};
	char why[256];

	derive_key(n, &cp.key);
	key_public_of(&cp.key, &p->key);
	p->carrier = carrier_start(&cp, why);
	key_private_wipe(&cp.key);
	if (!p->carrier) {
		log_warn("relay for others: %s", why);
		return false;
	}
	if (loop_watch_add(&n->loop, &p->watch, carrier_fd(p->carrier), on_told)) {
		carrier_stop(p->carrier);
		p->carrier = NULL;
		return false;
	}
	for (unsigned i = 0; i < FAMILIES; i++) {
		p->side[i] = (struct side){ .ask = now, .wait = ASK_FIRST,
					    .prove = NSEC_NEVER };
		portcheck_init(&p->side[i].check, rand_u64());
	}
	let_peers(p);
	return true;
}

static void save(struct peerrelay *p, nsec_t now)
{
	p->saved = now;
	if (p->day && state_save_carried(&p->node->state, p->day, p->today) < 0)
		log_warn("carried: cannot be written; after a restart today's "
			 "allowance is a whole one again");
}

static void note_day(struct peerrelay *p, const struct carrier_stats *s)
{
	p->day = s->day;
	p->today = s->today;
}

static void close_carrier(struct peerrelay *p, nsec_t now)
{
	struct carrier_stats s;

	if (!p->carrier)
		return;
	carrier_stats(p->carrier, &s);
	note_day(p, &s);
	p->octets += s.forwarded_octets;
	loop_watch_del(&p->watch);
	carrier_stop(p->carrier);
	p->carrier = NULL;
	save(p, now);
}

/* ---- can it? ---- */

static unsigned servers_of(const struct node *n, bool v6,
			   struct endpoint out[static PORTCHECK_SERVERS_MAX])
{
	unsigned count = 0;

	for (unsigned i = 0; i < n->netmap.relay_count; i++) {
		struct endpoint e = n->netmap.relays[i].at[v6];

		if (endpoint_is_zero(&e) || n->netmap.relays[i].node ||
		    count + 2 > PORTCHECK_SERVERS_MAX)
			continue;
		out[count++] = e;
		e.port++;
		out[count++] = e;
	}
	return count;
}

static bool is_host(const struct node *n, const struct ipaddr *ip)
{
	for (unsigned i = 0; i < n->host_count; i++)
		if (ipaddr_eq(&n->hosts[i].ip, ip))
			return true;
	return false;
}

/* ask() - one plain question: where do you see us? It keeps a NAT's mapping, too */
static void ask(struct peerrelay *p, struct side *s, bool v6, nsec_t now)
{
	struct stun_message q = { .class = STUN_REQUEST, .filler = 44 };
	struct endpoint servers[PORTCHECK_SERVERS_MAX];
	unsigned count = servers_of(p->node, v6, servers);
	uint8_t m[STUN_MAX];

	if (!count || !carrier_port(p->carrier, v6)) {
		s->ask = nsec_add(now, LOOK);
		return;
	}
	rand_bytes(s->txid.b, sizeof(s->txid.b));
	q.txid = s->txid;
	carrier_send(p->carrier, &servers[s->server++ % count], m,
		     stun_write(&q, m));
	s->ask = nsec_add(now, s->wait);
	s->wait = nsec_min(2 * s->wait, ASK_OPEN);
}

/* learn() - true: it is the answer to our question */
static bool learn(struct peerrelay *p, struct side *s,
		  const struct carrier_message *m, nsec_t now)
{
	struct stun_message got;

	if (stun_parse(m->m, m->n, &got) != DROP_NONE || got.class != STUN_SUCCESS ||
	    memcmp(got.txid.b, s->txid.b, sizeof(s->txid.b)) ||
	    endpoint_is_zero(&got.mapped))
		return false;
	s->wait = ASK_FIRST;
	s->ask = nsec_add(now, is_host(p->node, &got.mapped.ip) ? ASK_OPEN :
								  ASK_NAT);
	if (endpoint_eq(&got.mapped, &s->external))
		return true;
	s->external = got.mapped;
	s->proved = false;
	s->prove = ipaddr_class(&got.mapped.ip) == ADDR_CLASS_GLOBAL ? now :
								       NSEC_NEVER;
	return true;
}

static void start_proof(struct peerrelay *p, struct side *s, bool v6, nsec_t now)
{
	struct endpoint servers[PORTCHECK_SERVERS_MAX];
	unsigned count = servers_of(p->node, v6, servers);

	s->prove = nsec_add(now, PROVE_AGAIN);
	portcheck_set_servers(&s->check, servers, count);
	portcheck_start(&s->check, &s->external, now);
}

/* conclude() - a server that does not answer disproves nothing */
static void conclude(struct side *s, nsec_t now)
{
	switch (s->check.outcome) {
	case PORTCHECK_IDLE:
	case PORTCHECK_RUNNING:
		return;
	case PORTCHECK_OPEN:
		s->proved = true;
		break;
	case PORTCHECK_CLOSED:
	case PORTCHECK_OTHER_ADDRESS:
		s->proved = false;
		s->prove = nsec_add(now, CLOSED_WAIT);
		break;
	case PORTCHECK_NO_SERVER:
		break;
	}
	portcheck_stop(&s->check);
}

static nsec_t run_side(struct peerrelay *p, bool v6, nsec_t now)
{
	struct side *s = &p->side[v6];
	struct portcheck_send out;

	if (now >= s->ask)
		ask(p, s, v6, now);
	if (now >= s->prove && s->check.outcome != PORTCHECK_RUNNING)
		start_proof(p, s, v6, now);
	while (portcheck_poll(&s->check, &out, now))
		carrier_send(p->carrier, &out.to, out.message, out.n);
	conclude(s, now);
	return nsec_min(nsec_min(s->ask, s->prove),
			portcheck_next_expiry(&s->check));
}

static bool is_closed(const struct peerrelay *p)
{
	bool closed = false;

	for (unsigned i = 0; i < FAMILIES; i++) {
		const struct side *s = &p->side[i];

		if (s->proved || s->check.outcome == PORTCHECK_RUNNING)
			return false;
		closed |= !endpoint_is_zero(&s->external) && s->prove != NSEC_NEVER;
	}
	return closed;
}

/* ---- the offer ---- */

static bool offer(struct peerrelay *p)
{
	struct netmap_relay r = { .key = p->key };
	bool any = false;

	for (unsigned i = 0; i < FAMILIES; i++)
		if (p->side[i].proved) {
			r.at[i] = p->side[i].external;
			any = true;
		}
	if (any && p->node->coord)
		coord_client_carry(p->node->coord, &r);
	return any;
}

static void withdraw(struct peerrelay *p)
{
	p->offered_since = 0;
	if (p->node->coord)
		coord_client_carry(p->node->coord, NULL);
}

static bool somebody_online(const struct node *n)
{
	for (unsigned i = 0; i < n->netmap.peer_count; i++)
		if (n->netmap.peers[i].online)
			return true;
	return false;
}

/* nobody_comes() - offered to nodes that are there, and none has registered */
static bool nobody_comes(struct peerrelay *p, const struct carrier_stats *s, nsec_t now)
{
	if (s->clients || !p->node->coord_connected || !somebody_online(p->node))
		p->offered_since = now;
	return nsec_since(p->offered_since, now) > NOBODY_AFTER;
}

static void say(struct peerrelay *p, enum reason r)
{
	char at[ADDR_TEXT];

	if (r == p->reason)
		return;
	p->reason = r;
	if (r == OFFERED)
		log_info("relay for others: offered at %s",
			 endpoint_text(&p->side[!p->side[0].proved].external, at));
	else
		log_info("relay for others: %s: %s", reasons[r].state,
			 reasons[r].why);
}

/* judge() - what is the state of a relay that runs? */
static enum reason judge(struct peerrelay *p, nsec_t now)
{
	struct carrier_stats s;

	carrier_stats(p->carrier, &s);
	note_day(p, &s);
	if (nsec_since(p->saved, now) > SAVE_EVERY)
		save(p, now);
	if (s.spent)
		return SPENT;
	if (is_closed(p)) {
		p->closed_until = nsec_add(now, CLOSED_WAIT);
		return NOT_REACHED;
	}
	if (!p->side[0].proved && !p->side[1].proved)
		return PROVING;
	if (!p->offered_since)
		p->offered_since = now;
	if (!nobody_comes(p, &s, now))
		return OFFERED;
	p->nobody_until = nsec_add(now, NOBODY_WAIT);
	return NOBODY_CAME;
}

/* run() - one look; sets the timer for the next */
static void run(struct peerrelay *p, nsec_t now)
{
	enum reason r = may(p, now);
	nsec_t next = nsec_add(now, LOOK);

	if (r == OFFERED && !p->carrier && !open_carrier(p, now))
		r = NO_PORT;
	if (r == OFFERED) {
		for (unsigned i = 0; i < FAMILIES; i++)
			next = nsec_min(next, run_side(p, i, now));
		r = judge(p, now);
	}
	if (r == OFFERED ? !offer(p) : true)
		withdraw(p);
	if (r != OFFERED && r != PROVING && r != SPENT)
		close_carrier(p, now);
	else
		next = nsec_min(next, nsec_add(now, SEC(1)));
	say(p, r);
	loop_timer_at(&p->timer, next);
}

static void on_timer(struct loop_timer *t, nsec_t now)
{
	run(container_of(t, struct peerrelay, timer), now);
}

static void on_told(struct loop_watch *w, nsec_t now)
{
	struct peerrelay *p = container_of(w, struct peerrelay, watch);
	struct carrier_message m;

	while (carrier_take(p->carrier, &m)) {
		struct side *s = &p->side[!ipaddr_is_v4(&m.from.ip)];
		enum drop d = portcheck_input(&s->check, m.m, m.n, &m.from, now);

		if (d != DROP_NONE && !learn(p, s, &m, now))
			drop_count(&p->node->drops, d);
	}
	run(p, now);
}

/* ---- life ---- */

int peerrelay_start(struct node *n)
{
	struct peerrelay *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->node = n;
	p->reason = NO_NETWORK;
	p->saved = time_now();
	state_load_carried(&n->state, &p->day, &p->today);
	if (loop_timer_init(&n->loop, &p->timer, on_timer)) {
		free(p);
		return -ENOMEM;
	}
	n->peerrelay = p;
	run(p, time_now());
	return 0;
}

void peerrelay_stop(struct node *n)
{
	struct peerrelay *p = n->peerrelay;

	if (!p)
		return;
	close_carrier(p, time_now());
	loop_timer_done(&p->timer);
	free(p);
	n->peerrelay = NULL;
}

void peerrelay_update(struct node *n, nsec_t now)
{
	struct peerrelay *p = n->peerrelay;

	if (!p)
		return;
	if (p->carrier)
		let_peers(p);
	run(p, now);
}

void peerrelay_retry(struct node *n, nsec_t now)
{
	struct peerrelay *p = n->peerrelay;

	if (!p)
		return;
	p->nobody_until = p->closed_until = p->looked = 0;
	for (unsigned i = 0; i < FAMILIES; i++)
		p->side[i].ask = now;
	run(p, now);
}

/* ---- what is shown ---- */

static const char *const settings[] = {
	[STATE_RELAY_AUTO] = "auto",
	[STATE_RELAY_ON] = "on",
	[STATE_RELAY_OFF] = "off",
};

bool peerrelay_setting(const char *text, enum state_relay *out)
{
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
		if (!strcmp(text, settings[i])) {
			*out = (enum state_relay)i;
			return true;
		}
	return false;
}

uint64_t peerrelay_octets(struct node *n, uint64_t *clients)
{
	struct peerrelay *p = n->peerrelay;
	struct carrier_stats s = { 0 };

	if (p && p->carrier)
		carrier_stats(p->carrier, &s);
	*clients = s.clients;
	return (p ? p->octets : 0) + s.forwarded_octets;
}

static json_t *drops_json(const struct carrier_stats *s)
{
	json_t *o = json_object();

	for (int d = 1; d < DROP_COUNT; d++)
		if (s->drops[d])
			json_object_set_new(o, drop_name((enum drop)d),
					    json_integer((json_int_t)s->drops[d]));
	return o;
}

static json_t *places_json(const struct peerrelay *p)
{
	json_t *a = json_array();
	char text[ADDR_TEXT];

	for (unsigned i = 0; p && p->carrier && i < FAMILIES; i++)
		if (p->side[i].proved)
			json_array_append_new(
				a, json_string(endpoint_text(&p->side[i].external,
							     text)));
	return a;
}

json_t *peerrelay_status(struct node *n)
{
	struct peerrelay *p = n->peerrelay;
	enum reason r = p ? p->reason : NO_NETWORK;
	struct carrier_stats s = { 0 };
	const char *why = reasons[r].why;

	if (p && p->carrier)
		carrier_stats(p->carrier, &s);
	else if (p)
		s.today = p->today;
	return json_pack(
		"{s:s,s:s,s:o,s:o,s:I,s:i,s:I,s:I,s:I,s:I,s:o}", "setting",
		settings[n->state.relay], "state", reasons[r].state, "why",
		why ? json_string(why) : json_null(), "at", places_json(p),
		"clients", (json_int_t)s.clients, "port",
		p && p->carrier ? carrier_port(p->carrier, false) : 0, "octets",
		(json_int_t)((p ? p->octets : 0) + s.forwarded_octets), "today",
		(json_int_t)s.today, "daily",
		(json_int_t)n->conf.relay_daily * GIGABYTE, "rate",
		(json_int_t)n->conf.relay_rate * MEGABIT, "drops",
		drops_json(&s));
}
