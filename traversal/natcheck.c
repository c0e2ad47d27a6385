/* SPDX-License-Identifier: MIT
 *
 * natcheck.c - our reflexive endpoints and what kind of NAT gives them
 *
 * Theory: rounds of Binding requests, each sent at 0, 100 and 300 ms until answered.
 *   BASIC    main socket: every server at one port
 *   MAPPING  main socket: the other ports and addresses that servers offer (RFC 5780
 *            s4.3); auxiliary socket: one server, for its own mapped port
 *   FILTER   auxiliary socket: that server answers from its other port, and from its
 *            other address and port; this socket contacted neither (RFC 5780 s4.4)
 *   POISON   auxiliary socket: to the port whose answer did not come in. If it sees
 *            another mapped port though the mapping is endpoint-independent, early
 *            inbound packets spoil mappings here (traversal.md 3.4)
 *   HAIRPIN  auxiliary socket: to the main socket's mapping (RFC 5780 s4.5)
 *   SAMPLE   if the mapping varies, 8 throw-away sockets, in order: the same server;
 *            8 more if those do not decide
 */
#include "traversal/natcheck.h"

#include <stdlib.h>
#include <string.h>

#include "base/rand.h"

enum {
	PROBES_MAX = NATCHECK_SERVERS_MAX + 24 + ALLOCATOR_SAMPLES,
	HOSTS_MAX = 32,
	SENDS = 3,
	MIN_PORT = 1024, /* of a place that only a server names */
	FILLER = 72, /* octets: our requests are no shorter than their answers */
};

#define BASIC_TIME   MSEC(1500)
#define FILTER_TIME  MSEC(600) /* plus the round trip */
#define MAPPING_TIME MSEC(700)
#define POISON_TIME  MSEC(700)
#define HAIRPIN_TIME MSEC(250)
#define SAMPLE_TIME  MSEC(700)

static const nsec_t send_at[SENDS] = { 0, MSEC(100), MSEC(300) };

enum round {
	ROUND_NONE,
	ROUND_BASIC,
	ROUND_MAPPING,
	ROUND_FILTER,
	ROUND_POISON,
	ROUND_HAIRPIN,
	ROUND_SAMPLE,
};

struct probe {
	struct endpoint to;
	struct endpoint expect; /* where the answer must come from */
	struct stun_txid txid;
	enum round round;
	bool change_ip, change_port;
	bool aux; /* not from the main socket */
	uint8_t sample; /* from this throw-away socket; 0: from none */
	unsigned server; /* in the report; NATCHECK_SERVERS_MAX: none */
	unsigned sent;
	nsec_t started; /* of the first send */
	nsec_t rtt; /* 0: no answer */
	struct endpoint mapped, other;
};

struct natcheck {
	struct prng random;
	struct endpoint servers[NATCHECK_SERVERS_MAX];
	unsigned server_count;
	struct ipaddr hosts[HOSTS_MAX];
	unsigned host_count;
	uint16_t port4, port6, aux; /* local ports, 0: none */
	uint16_t sample_port[ALLOCATOR_SAMPLES + 1];
	unsigned samples; /* asked for so far */
	enum round round;
	bool full;
	nsec_t round_started, deadline;
	struct probe probes[PROBES_MAX];
	unsigned probe_count;
	struct natcheck_report report;
	bool changed;
};

struct natcheck *natcheck_new(uint64_t seed)
{
	struct natcheck *nc = calloc(1, sizeof(*nc));

	if (nc)
		nc->random.state = seed;
	return nc;
}

void natcheck_free(struct natcheck *nc)
{
	free(nc);
}

void natcheck_set_servers(struct natcheck *nc, const struct endpoint *s,
			  unsigned n, nsec_t now)
{
	if (n > NATCHECK_SERVERS_MAX)
		n = NATCHECK_SERVERS_MAX;
	if (n)
		memcpy(nc->servers, s, n * sizeof(*s));
	nc->server_count = n;
}

void natcheck_set_local(struct natcheck *nc, const struct ipaddr *hosts,
			unsigned n, uint16_t port4, uint16_t port6, nsec_t now)
{
	if (n > HOSTS_MAX)
		n = HOSTS_MAX;
	if (n)
		memcpy(nc->hosts, hosts, n * sizeof(*hosts));
	nc->host_count = n;
	nc->port4 = port4;
	nc->port6 = port6;
}

void natcheck_set_aux(struct natcheck *nc, uint16_t port)
{
	nc->aux = port;
}

void natcheck_set_sample(struct natcheck *nc, unsigned sample, uint16_t port)
{
	if (sample <= ALLOCATOR_SAMPLES)
		nc->sample_port[sample] = port;
}

static struct probe *add_probe(struct natcheck *nc, const struct endpoint *to)
{
	struct probe *p;
	uint64_t a = prng_u64(&nc->random), b = prng_u64(&nc->random);

	if (nc->probe_count == PROBES_MAX)
		return NULL;
	p = &nc->probes[nc->probe_count++];
	*p = (struct probe){ .to = *to,
			     .expect = *to,
			     .round = nc->round,
			     .server = NATCHECK_SERVERS_MAX };
	memcpy(p->txid.b, &a, 8);
	memcpy(p->txid.b + 8, &b, 4);
	return p;
}

static bool sendable(const struct natcheck *nc, const struct endpoint *e)
{
	return ipaddr_is_v4(&e->ip) ? nc->port4 != 0 : nc->port6 != 0;
}

/* shares_address() - an earlier server has this address: it waits for MAPPING */
static bool shares_address(const struct natcheck *nc, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (ipaddr_eq(&nc->servers[k].ip, &nc->servers[i].ip))
			return true;
	return false;
}

static void begin_round(struct natcheck *nc, enum round round, nsec_t time,
			nsec_t now)
{
	nc->round = round;
	nc->round_started = now;
	nc->deadline = now + time;
}

void natcheck_start(struct natcheck *nc, bool full, nsec_t now)
{
	begin_round(nc, ROUND_BASIC, BASIC_TIME, now);
	nc->full = full;
	nc->probe_count = nc->samples = 0;
	for (unsigned i = 0; i < nc->server_count; i++) {
		struct probe *p;

		if (shares_address(nc, i) || !sendable(nc, &nc->servers[i]))
			continue;
		p = add_probe(nc, &nc->servers[i]);
		if (p)
			p->server = i;
	}
}

bool natcheck_running(const struct natcheck *nc)
{
	return nc->round != ROUND_NONE;
}

static const struct probe *first_answer(const struct natcheck *nc, bool v4)
{
	for (unsigned i = 0; i < nc->probe_count; i++) {
		const struct probe *p = &nc->probes[i];

		if (p->rtt && p->round == ROUND_BASIC &&
		    ipaddr_is_v4(&p->to.ip) == v4)
			return p;
	}
	return NULL;
}

/* first_offer() - an IPv4 server that has another port to answer from */
static const struct probe *first_offer(const struct natcheck *nc)
{
	for (unsigned i = 0; i < nc->probe_count; i++) {
		const struct probe *p = &nc->probes[i];

		if (p->rtt && p->round == ROUND_BASIC &&
		    ipaddr_is_v4(&p->to.ip) && p->other.port &&
		    p->other.port != p->to.port)
			return p;
	}
	return NULL;
}

/* may_contact() - is this place, named by a server, one that we may send to? */
static bool may_contact(const struct endpoint *server, const struct endpoint *e)
{
	enum addr_class c = ipaddr_class(&e->ip);

	if (e->port < MIN_PORT || !ipaddr_is_v4(&e->ip))
		return false;
	if (ipaddr_eq(&server->ip, &e->ip))
		return true;
	return c == ADDR_CLASS_GLOBAL || (c == ipaddr_class(&server->ip) &&
					  (c == ADDR_CLASS_PRIVATE ||
					   c == ADDR_CLASS_SHARED));
}

static struct probe *add_aux(struct natcheck *nc, const struct endpoint *to)
{
	struct probe *p = nc->aux ? add_probe(nc, to) : NULL;

	if (p)
		p->aux = true;
	return p;
}

static bool is_contacted(const struct natcheck *nc, const struct endpoint *e)
{
	for (unsigned i = 0; i < nc->probe_count; i++)
		if (!nc->probes[i].aux && endpoint_eq(&nc->probes[i].to, e))
			return true;
	return false;
}

static void ask_mapping(struct natcheck *nc, const struct endpoint *server,
			const struct endpoint *e)
{
	if (sendable(nc, e) && !is_contacted(nc, e) && may_contact(server, e))
		(void)add_probe(nc, e);
}

static void begin_mapping(struct natcheck *nc, nsec_t now)
{
	const struct probe *offer = first_offer(nc);

	begin_round(nc, ROUND_MAPPING, MAPPING_TIME, now);
	if (offer) {
		struct endpoint to = offer->to, e = offer->other;
		struct endpoint port = { .ip = to.ip, .port = e.port };
		struct endpoint ip = { .ip = e.ip, .port = to.port };

		ask_mapping(nc, &to, &port);
		ask_mapping(nc, &to, &ip);
		ask_mapping(nc, &to, &e);
		(void)add_aux(nc, &to);
	}
	for (unsigned i = 0; i < nc->server_count; i++)
		if (shares_address(nc, i))
			ask_mapping(nc, &nc->servers[i], &nc->servers[i]);
}

/* aux_answer() - the auxiliary socket's answered probe of a round that asked for a
 * change of address or not */
static const struct probe *aux_answer(const struct natcheck *nc, enum round r,
				      bool change_ip)
{
	for (unsigned i = 0; i < nc->probe_count; i++) {
		const struct probe *p = &nc->probes[i];

		if (p->aux && p->rtt && p->round == r &&
		    p->change_ip == change_ip)
			return p;
	}
	return NULL;
}

static void begin_filter(struct natcheck *nc, nsec_t now)
{
	const struct probe *base = aux_answer(nc, ROUND_MAPPING, false);
	struct endpoint to, other;
	struct probe *p;

	begin_round(nc, ROUND_FILTER,
		    FILTER_TIME + (base ? nsec_min(base->rtt, SEC(1)) : 0), now);
	if (!base || !base->other.port || base->other.port == base->to.port)
		return;
	to = base->to;
	other = base->other;
	p = add_aux(nc, &to);
	if (p) {
		p->change_port = true;
		p->expect.port = other.port;
	}
	if (ipaddr_eq(&other.ip, &to.ip) || !may_contact(&to, &other))
		return;
	p = add_aux(nc, &to);
	if (p) {
		p->change_ip = p->change_port = true;
		p->expect = other;
	}
}

static void begin_poison(struct natcheck *nc, nsec_t now)
{
	struct endpoint e = { 0 };

	begin_round(nc, ROUND_POISON, POISON_TIME, now);
	for (unsigned i = 0; i < nc->probe_count; i++)
		if (nc->probes[i].round == ROUND_FILTER &&
		    !nc->probes[i].rtt && !nc->probes[i].change_ip)
			e = nc->probes[i].expect;
	if (e.port >= MIN_PORT)
		(void)add_aux(nc, &e);
}

static void begin_hairpin(struct natcheck *nc, nsec_t now)
{
	const struct probe *main = first_answer(nc, true);

	begin_round(nc, ROUND_HAIRPIN, HAIRPIN_TIME, now);
	if (main && main->mapped.port >= MIN_PORT &&
	    ipaddr_class(&main->mapped.ip) == ADDR_CLASS_GLOBAL)
		(void)add_aux(nc, &main->mapped);
}

/* aux_varies() - two ports of a server saw the auxiliary socket at different ports, and
 * not because an early packet cost it its own one: it never had that */
static bool aux_varies(const struct natcheck *nc)
{
	const struct probe *base = aux_answer(nc, ROUND_MAPPING, false);
	const struct probe *late = aux_answer(nc, ROUND_POISON, false);

	return base && late && base->mapped.port != nc->aux &&
	       !endpoint_eq(&base->mapped, &late->mapped);
}

/* varies() - did an IPv4 server see one of our sockets elsewhere than the first one did?
 * The main one alone does not tell: two random ports of few may be the same */
static bool varies(const struct natcheck *nc)
{
	const struct probe *first = first_answer(nc, true);

	if (aux_varies(nc))
		return true;
	for (unsigned i = 0; i < nc->probe_count; i++) {
		const struct probe *p = &nc->probes[i];

		if (p->rtt && !p->aux && ipaddr_is_v4(&p->to.ip) &&
		    !endpoint_eq(&p->mapped, &first->mapped))
			return true;
	}
	return false;
}

/* infer() - the allocator behind the samples that were answered */
static struct allocator infer(const struct natcheck *nc, unsigned *n)
{
	struct allocator_sample s[ALLOCATOR_SAMPLES];

	*n = 0;
	for (unsigned i = 0; i < nc->probe_count; i++) {
		const struct probe *p = &nc->probes[i];

		if (!p->sample || !p->rtt || *n == ALLOCATOR_SAMPLES)
			continue;
		s[*n].mapped = p->mapped;
		s[(*n)++].local = nc->sample_port[p->sample];
	}
	return allocator_infer(s, *n);
}

/* begin_samples() - the next throw-away sockets; false: there is no need for more */
static bool begin_samples(struct natcheck *nc, nsec_t now)
{
	const struct endpoint server = first_answer(nc, true)->to;
	unsigned n, more = ALLOCATOR_SAMPLES_MIN;
	struct allocator a = infer(nc, &n);

	if (!varies(nc) || nc->samples >= ALLOCATOR_SAMPLES ||
	    allocator_decided(&a, n))
		return false;
	begin_round(nc, ROUND_SAMPLE, SAMPLE_TIME, now);
	for (; more > 0; more--) {
		struct probe *p = add_probe(nc, &server);

		if (!p)
			break;
		p->aux = true;
		p->sample = (uint8_t)++nc->samples;
	}
	return true;
}

static bool is_host(const struct natcheck *nc, const struct endpoint *e)
{
	for (unsigned i = 0; i < nc->host_count; i++)
		if (ipaddr_eq(&nc->hosts[i], &e->ip))
			return e->port == nc->port4;
	return false;
}

/* varies_by_port() - do two ports of one address see different mappings? */
static bool varies_by_port(const struct natcheck *nc)
{
	for (unsigned i = 0; i < nc->probe_count; i++)
		for (unsigned k = 0; k < i; k++) {
			const struct probe *a = &nc->probes[i];
			const struct probe *b = &nc->probes[k];

			if (a->rtt && b->rtt && !a->aux && !b->aux &&
			    ipaddr_eq(&a->to.ip, &b->to.ip) &&
			    !endpoint_eq(&a->mapped, &b->mapped))
				return true;
		}
	return false;
}

/* count_samples() - IPv4 answers to the main socket, and how many of them saw another
 * endpoint than the first one did */
static unsigned count_samples(const struct natcheck *nc, unsigned *differ)
{
	unsigned n = 0;

	*differ = 0;
	for (unsigned i = 0; i < nc->probe_count; i++) {
		const struct probe *p = &nc->probes[i];

		if (!p->rtt || p->aux || !ipaddr_is_v4(&p->to.ip))
			continue;
		n++;
		*differ += !endpoint_eq(&p->mapped, &nc->report.reflexive);
	}
	return n;
}

static void judge_mapping(const struct natcheck *nc, struct natcheck_report *r)
{
	unsigned differ, n = count_samples(nc, &differ);

	if (differ || aux_varies(nc))
		r->mapping = aux_varies(nc) || varies_by_port(nc) ?
				     NAT_ADDRESS_AND_PORT_DEPENDENT :
				     NAT_ADDRESS_DEPENDENT;
	else if (is_host(nc, &r->reflexive))
		r->mapping = NAT_NONE;
	else if (n > 1)
		r->mapping = NAT_ENDPOINT_INDEPENDENT;
}

/* judge_filtering() - RFC 5780 s4.4. A server with one address cannot tell
 * endpoint-independent from address-dependent: the stricter is assumed. */
static void judge_filtering(const struct natcheck *nc, struct natcheck_report *r)
{
	bool asked = false;

	for (unsigned i = 0; i < nc->probe_count; i++)
		asked |= nc->probes[i].round == ROUND_FILTER;
	if (!asked)
		return;
	r->filtering = aux_answer(nc, ROUND_FILTER, true) ?
			       NAT_ENDPOINT_INDEPENDENT :
		       aux_answer(nc, ROUND_FILTER, false) ?
			       NAT_ADDRESS_DEPENDENT :
			       NAT_ADDRESS_AND_PORT_DEPENDENT;
}

/* judge_opener() - measured, or assumed of a NAT that keeps ports (as Linux does) */
static void judge_opener(const struct natcheck *nc, struct natcheck_report *r)
{
	const struct probe *base = aux_answer(nc, ROUND_MAPPING, false);
	const struct probe *late = aux_answer(nc, ROUND_POISON, false);

	if (r->mapping != NAT_ENDPOINT_INDEPENDENT)
		return;
	if (base && late)
		r->profile.opener_needed = !endpoint_eq(&base->mapped,
							&late->mapped);
	else if (r->filtering == NAT_UNKNOWN ||
		 r->filtering == NAT_ADDRESS_AND_PORT_DEPENDENT)
		r->profile.opener_needed = r->preserving;
}

static void judge_profile(struct natcheck_report *r)
{
	r->profile.known = r->mapping != NAT_UNKNOWN;
	r->profile.mapping_varies =
		r->mapping == NAT_ADDRESS_DEPENDENT ||
		r->mapping == NAT_ADDRESS_AND_PORT_DEPENDENT;
	r->profile.filter_independent = r->filtering ==
					NAT_ENDPOINT_INDEPENDENT;
	r->profile.levels = r->mapping == NAT_NONE ? 0 : 1;
}

static void judge_allocator(const struct natcheck *nc, struct natcheck_report *r)
{
	const struct probe *back = aux_answer(nc, ROUND_HAIRPIN, false);
	unsigned n;

	r->profile.hairpin = back && r->mapping != NAT_NONE;
	r->profile.allocator = infer(nc, &n);
	if (!r->profile.mapping_varies && r->preserving)
		r->profile.allocator.kind = ALLOCATOR_PRESERVING;
}

static void fill_servers(const struct natcheck *nc, struct natcheck_report *r)
{
	r->server_count = nc->server_count;
	for (unsigned i = 0; i < nc->server_count; i++)
		r->servers[i].server = nc->servers[i];
	for (unsigned i = 0; i < nc->probe_count; i++)
		if (nc->probes[i].server < NATCHECK_SERVERS_MAX)
			r->servers[nc->probes[i].server].rtt =
				nc->probes[i].rtt;
}

/* keep_class() - a short check on the same mapping leaves the classification */
static void keep_class(const struct natcheck_report *old,
		       struct natcheck_report *r)
{
	if (!ipaddr_eq(&old->reflexive.ip, &r->reflexive.ip))
		return;
	r->mapping = old->mapping;
	r->filtering = old->filtering;
	r->profile = old->profile;
}

static void finish(struct natcheck *nc, nsec_t now)
{
	struct natcheck_report old = nc->report, *r = &nc->report;
	const struct probe *v4 = first_answer(nc, true);
	const struct probe *v6 = first_answer(nc, false);

	*r = (struct natcheck_report){ .udp = v4 || v6, .measured = now };
	fill_servers(nc, r);
	if (v6)
		r->reflexive6 = v6->mapped;
	if (v4) {
		r->reflexive = v4->mapped;
		r->preserving = v4->mapped.port == nc->port4;
	}
	if (v4 && nc->full) {
		judge_mapping(nc, r);
		judge_filtering(nc, r);
		judge_opener(nc, r);
		judge_profile(r);
		judge_allocator(nc, r);
	} else if (v4) {
		keep_class(&old, r);
	}
	nc->changed = true;
	nc->round = ROUND_NONE;
}

static unsigned count_answers(const struct natcheck *nc, unsigned *asked)
{
	unsigned n = 0;

	*asked = 0;
	for (unsigned i = 0; i < nc->probe_count; i++) {
		if (nc->probes[i].round != nc->round)
			continue;
		++*asked;
		n += nc->probes[i].rtt != 0;
	}
	return n;
}

/* round_is_over() - two answers are enough for addresses; but a classification needs
 * an IPv4 server's answer, if there is such a server */
static bool round_is_over(const struct natcheck *nc, nsec_t now)
{
	unsigned asked, answered = count_answers(nc, &asked);

	if (now >= nc->deadline || answered == asked)
		return true;
	if (nc->round != ROUND_BASIC || answered < 2)
		return false;
	return first_answer(nc, true) || !nc->port4;
}

/* next_round() - of a classification; false: that was the last */
static bool next_round(struct natcheck *nc, nsec_t now)
{
	switch (nc->round) {
	case ROUND_NONE:
		return false;
	case ROUND_BASIC:
		begin_mapping(nc, now);
		return true;
	case ROUND_MAPPING:
		begin_filter(nc, now);
		return true;
	case ROUND_FILTER:
		begin_poison(nc, now);
		return true;
	case ROUND_POISON:
		begin_hairpin(nc, now);
		return true;
	case ROUND_HAIRPIN:
	case ROUND_SAMPLE:
		return begin_samples(nc, now);
	}
	return false;
}

static void advance(struct natcheck *nc, nsec_t now)
{
	while (nc->round != ROUND_NONE && round_is_over(nc, now)) {
		if (!nc->full || !first_answer(nc, true) || !next_round(nc, now))
			finish(nc, now);
	}
}

static nsec_t due_at(const struct natcheck *nc, const struct probe *p)
{
	if (p->round != nc->round || p->rtt || p->sent == SENDS)
		return NSEC_NEVER;
	return nsec_add(nc->round_started, send_at[p->sent]);
}

static void write_probe(struct probe *p, struct natcheck_send *out, nsec_t now)
{
	struct stun_message m = {
		.class = STUN_REQUEST,
		.txid = p->txid,
		.change_ip = p->change_ip,
		.change_port = p->change_port,
		.filler = FILLER,
	};

	if (!p->sent++)
		p->started = now;
	out->to = p->to;
	out->aux = p->aux && !p->sample;
	out->sample = p->sample;
	out->ttl = 0;
	out->n = stun_write(&m, out->message);
}

bool natcheck_poll(struct natcheck *nc, struct natcheck_send *out, nsec_t now)
{
	advance(nc, now);
	if (nc->round == ROUND_NONE)
		return false;
	for (unsigned i = 0; i < nc->probe_count; i++) {
		if (due_at(nc, &nc->probes[i]) > now)
			continue;
		write_probe(&nc->probes[i], out, now);
		return true;
	}
	return false;
}

nsec_t natcheck_next_expiry(const struct natcheck *nc)
{
	nsec_t next = nc->deadline;

	if (nc->round == ROUND_NONE)
		return NSEC_NEVER;
	for (unsigned i = 0; i < nc->probe_count; i++)
		next = nsec_min(next, due_at(nc, &nc->probes[i]));
	return next;
}

static struct probe *find_probe(struct natcheck *nc, const struct stun_txid *t)
{
	for (unsigned i = 0; i < nc->probe_count; i++)
		if (!memcmp(nc->probes[i].txid.b, t->b, STUN_TXID_OCTETS))
			return &nc->probes[i];
	return NULL;
}

enum drop natcheck_input(struct natcheck *nc, const uint8_t *m, size_t n,
			 const struct endpoint *from, nsec_t now)
{
	struct stun_message got;
	enum drop d = stun_parse(m, n, &got);
	struct probe *p;

	if (d != DROP_NONE)
		return d;
	p = find_probe(nc, &got.txid);
	if (p && got.class == STUN_REQUEST && p->round == ROUND_HAIRPIN) {
		p->rtt = 1; /* our own request came back to us */
		advance(nc, now);
		return DROP_NONE;
	}
	if (!p || nc->round == ROUND_NONE || !p->sent || p->rtt ||
	    (got.class != STUN_SUCCESS && got.class != STUN_ERROR))
		return DROP_STUN_UNEXPECTED;
	if (got.class == STUN_ERROR) { /* refused: ask no more */
		p->sent = SENDS;
		return DROP_NONE;
	}
	if (!endpoint_eq(&p->expect, from) || endpoint_is_zero(&got.mapped))
		return DROP_STUN_UNEXPECTED;
	p->rtt = nsec_max(nsec_since(p->started, now), 1);
	p->mapped = got.mapped;
	p->other = got.other;
	advance(nc, now);
	return DROP_NONE;
}

const struct natcheck_report *natcheck_report(struct natcheck *nc, bool *changed)
{
	*changed = nc->changed;
	nc->changed = false;
	return &nc->report;
}

const struct natcheck_report *natcheck_last(const struct natcheck *nc)
{
	return &nc->report;
}
