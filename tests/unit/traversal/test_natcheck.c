/* SPDX-License-Identifier: MIT
 *
 * test_natcheck.c - classification through a model NAT, under a virtual clock
 *
 * The servers answer as RFC 5780 asks: N, N + 1 on one or two addresses.
 */
#include "tests/unit/unit.h"

#include "base/rand.h"
#include "traversal/natcheck.h"
#include "traversal/strategy.h"

enum {
	PORT = 3478,
	LOCAL_PORT = 41000,
	AUX_PORT = 41001,
	SAMPLE_PORT = 42000,
	FLIGHT = 64,
	FLOWS = 64,
};

#define ONE_WAY MSEC(15)
#define HOST   0xc0a80102u
#define PUBLIC 0xcb00710bu
#define FIRST  0xc6336401u
#define SECOND 0xc6336402u

struct model {
	bool none; /* no NAT */
	enum nat_behaviour mapping, filtering;
	bool random_port; /* first mapping is not the local port */
	bool coincide; /* by chance the main socket has the same port everywhere */
	bool poisonable; /* early inbound packets change the port */
	bool two; /* the server has two addresses */
	bool dead; /* nothing is answered */
	unsigned lose; /* first packets out that are lost */
	bool hairpin;
};

struct flow {
	struct endpoint to;
	uint16_t local;
	uint16_t port; /* mapped; 0: none yet */
	bool spoiled;
};

struct world {
	struct model m;
	struct natcheck *nc;
	nsec_t now;
	struct flow flows[FLOWS];
	unsigned flow_count;
	struct {
		nsec_t due;
		struct endpoint from;
		size_t n;
		uint8_t b[STUN_MAX];
	} flight[FLIGHT];
	unsigned sent;
};

static struct endpoint at(uint32_t ip, uint16_t port)
{
	return (struct endpoint){ .ip = ipaddr_v4(ip), .port = port };
}

static struct flow *flow_of(struct world *w, uint16_t local,
			    const struct endpoint *to)
{
	for (unsigned i = 0; i < w->flow_count; i++)
		if (w->flows[i].local == local &&
		    endpoint_eq(&w->flows[i].to, to))
			return &w->flows[i];
	assert_true(w->flow_count < FLOWS);
	w->flows[w->flow_count].to = *to;
	w->flows[w->flow_count].local = local;
	return &w->flows[w->flow_count++];
}

static bool same_class(const struct model *m, const struct endpoint *a,
		       const struct endpoint *b)
{
	switch (m->mapping) {
	case NAT_ADDRESS_DEPENDENT:
		return ipaddr_eq(&a->ip, &b->ip);
	case NAT_ADDRESS_AND_PORT_DEPENDENT:
		return endpoint_eq(a, b);
	case NAT_UNKNOWN:
	case NAT_ENDPOINT_INDEPENDENT:
	case NAT_NONE:
		break;
	}
	return true;
}

static uint16_t map_port(struct world *w, uint16_t local,
			 const struct endpoint *to)
{
	struct flow *f = flow_of(w, local, to);

	if (w->m.none)
		return f->port = local;
	if (f->port)
		return f->port;
	if (f->spoiled)
		return f->port = 33333;
	if (w->m.coincide && local == LOCAL_PORT)
		return f->port = 20000;
	for (unsigned i = 0; i < w->flow_count && !f->port; i++)
		if (w->flows[i].port && w->flows[i].local == local &&
		    same_class(&w->m, &w->flows[i].to, to))
			f->port = w->flows[i].port;
	if (!f->port)
		f->port = w->m.random_port ? (uint16_t)(20000 + w->flow_count) :
					     local;
	return f->port;
}

static bool lets_in(struct world *w, uint16_t local,
		    const struct endpoint *from)
{
	for (unsigned i = 0; i < w->flow_count; i++) {
		const struct flow *f = &w->flows[i];

		if (!f->port || f->local != local)
			continue;
		if (w->m.filtering == NAT_ENDPOINT_INDEPENDENT ||
		    endpoint_eq(&f->to, from) ||
		    (w->m.filtering == NAT_ADDRESS_DEPENDENT &&
		     ipaddr_eq(&f->to.ip, &from->ip)))
			return true;
	}
	if (w->m.poisonable)
		flow_of(w, local, from)->spoiled = true;
	return false;
}

static void fly(struct world *w, const uint8_t *m, size_t n,
		const struct endpoint *from)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		if (w->flight[i].due)
			continue;
		w->flight[i].due = w->now + 2 * ONE_WAY;
		w->flight[i].from = *from;
		w->flight[i].n = n;
		memcpy(w->flight[i].b, m, n);
		return;
	}
}

static void answer(struct world *w, const struct natcheck_send *s)
{
	struct stun_message m, r = { .class = STUN_SUCCESS };
	uint32_t a = s->to.ip.b[15] == (FIRST & 255) ? FIRST : SECOND;
	uint16_t p = s->to.port;
	uint16_t local = s->aux ? AUX_PORT :
			 s->sample ? (uint16_t)(SAMPLE_PORT + s->sample) :
				     LOCAL_PORT;
	struct ipaddr public = ipaddr_v4(PUBLIC);
	uint8_t b[STUN_MAX];
	struct endpoint from;
	size_t n;

	assert_int_equal(stun_parse(s->message, s->n, &m), DROP_NONE);
	if (ipaddr_eq(&s->to.ip, &public)) {
		if (w->m.hairpin)
			fly(w, s->message, s->n, &s->to);
		return;
	}
	r.txid = m.txid;
	r.mapped = at(w->m.none ? HOST : PUBLIC, map_port(w, local, &s->to));
	r.other = at(w->m.two ? FIRST + SECOND - a : a, (uint16_t)(2 * PORT + 1 - p));
	if (m.change_ip && !w->m.two)
		return;
	from = at(m.change_ip ? FIRST + SECOND - a : a,
		  m.change_port ? (uint16_t)(2 * PORT + 1 - p) : p);
	if (!lets_in(w, local, &from))
		return;
	n = stun_write(&r, b);
	assert_true(n <= s->n); /* never larger */
	fly(w, b, n, &from);
}

static void step(struct world *w)
{
	struct natcheck_send s;

	for (unsigned i = 0; i < FLIGHT; i++) {
		enum drop d;

		if (!w->flight[i].due || w->flight[i].due > w->now)
			continue;
		w->flight[i].due = 0;
		d = natcheck_input(w->nc, w->flight[i].b, w->flight[i].n,
				   &w->flight[i].from, w->now);
		assert_true(d == DROP_NONE || d == DROP_STUN_UNEXPECTED);
	}
	while (natcheck_poll(w->nc, &s, w->now))
		if (++w->sent > w->m.lose && !w->m.dead)
			answer(w, &s);
	assert_true(natcheck_next_expiry(w->nc) > w->now);
	w->now += MSEC(1);
}

static struct natcheck_report classify(const struct model *m, nsec_t *took,
				       unsigned servers, bool full, bool aux)
{
	static struct world w;
	struct ipaddr host = ipaddr_v4(HOST);
	struct endpoint s[] = { at(FIRST, PORT), at(SECOND, PORT),
				at(FIRST, PORT + 1) };
	struct natcheck_report r;
	nsec_t start = SEC(5);
	bool changed;

	w = (struct world){ .m = *m, .now = start, .nc = natcheck_new(3) };
	natcheck_set_local(w.nc, &host, 1, LOCAL_PORT, 0, w.now);
	natcheck_set_aux(w.nc, aux ? AUX_PORT : 0);
	natcheck_set_servers(w.nc, s, servers, w.now);
	natcheck_start(w.nc, full, w.now);
	while (natcheck_running(w.nc)) {
		step(&w);
		assert_true(w.now < start + SEC(5));
	}
	*took = w.now - start;
	r = *natcheck_report(w.nc, &changed);
	assert_true(changed);
	(void)natcheck_report(w.nc, &changed);
	assert_false(changed);
	natcheck_free(w.nc);
	return r;
}

#define EI  NAT_ENDPOINT_INDEPENDENT
#define AD  NAT_ADDRESS_DEPENDENT
#define APD NAT_ADDRESS_AND_PORT_DEPENDENT

static const struct {
	const char *what;
	struct model m;
	unsigned servers;
	enum nat_behaviour mapping, filtering;
	bool preserving, opener;
} kinds[] = {
	{ "no NAT, no firewall", { .none = true, .filtering = EI, .two = true },
	  1, NAT_NONE, EI, true, false },
	{ "no NAT, firewall", { .none = true, .filtering = APD, .two = true },
	  1, NAT_NONE, APD, true, false },
	{ "full cone", { .mapping = EI, .filtering = EI, .two = true,
			 .random_port = true, .hairpin = true }, 1, EI, EI, false, false },
	{ "address-restricted", { .mapping = EI, .filtering = AD, .two = true },
	  1, EI, AD, true, false },
	{ "port-restricted", { .mapping = EI, .filtering = APD, .two = true },
	  1, EI, APD, true, false },
	{ "port-restricted, one address", { .mapping = EI, .filtering = APD },
	  1, EI, APD, true, false },
	{ "port-restricted, two servers", { .mapping = EI, .filtering = APD },
	  2, EI, APD, true, false },
	{ "poisonable", { .mapping = EI, .filtering = APD, .two = true,
			  .poisonable = true }, 1, EI, APD, true, true },
	{ "poisonable, one address", { .mapping = EI, .filtering = APD,
			  .poisonable = true }, 1, EI, APD, true, true },
	{ "poisonable, two servers", { .mapping = EI, .filtering = APD,
			  .poisonable = true }, 2, EI, APD, true, true },
	{ "symmetric", { .mapping = APD, .filtering = APD, .two = true,
			 .random_port = true }, 1, APD, APD, false, false },
	{ "symmetric, one address", { .mapping = APD, .filtering = APD,
			 .random_port = true }, 1, APD, APD, false, false },
	{ "symmetric, twice the same port", { .mapping = APD, .filtering = APD,
			 .random_port = true, .coincide = true }, 1, APD, APD, false, false },
	{ "symmetric by address", { .mapping = AD, .filtering = APD, .two = true,
			 .random_port = true }, 1, AD, APD, false, false },
	{ "further port listed as a server", { .mapping = EI, .filtering = APD },
	  3, EI, APD, true, false },
};

static void test_kinds(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		nsec_t took;
		struct natcheck_report r =
			classify(&kinds[i].m, &took, kinds[i].servers, true, true);

		print_message("# %s: %u ms\n", kinds[i].what,
			      (unsigned)(took / MSEC(1)));
		assert_true(r.udp && r.profile.known);
		assert_int_equal(r.mapping, kinds[i].mapping);
		assert_int_equal(r.filtering, kinds[i].filtering);
		assert_int_equal(r.preserving, kinds[i].preserving);
		assert_int_equal(r.profile.opener_needed, kinds[i].opener);
		assert_int_equal(r.servers[0].rtt, 2 * ONE_WAY);
		assert_true(took < MSEC(1500));
		assert_int_equal(r.profile.hairpin, kinds[i].m.hairpin);
		assert_int_equal(r.profile.allocator.kind,
				 r.profile.mapping_varies ? ALLOCATOR_SEQUENTIAL :
				 r.preserving ? ALLOCATOR_PRESERVING :
						ALLOCATOR_UNKNOWN);
	}
}

/* Without the auxiliary socket: the mapping, and the careful guess. */
static void test_no_aux(void **state)
{
	struct model m = { .mapping = EI, .filtering = APD, .poisonable = true };
	nsec_t took;
	struct natcheck_report r = classify(&m, &took, 1, true, false);

	assert_int_equal(r.mapping, EI);
	assert_int_equal(r.filtering, NAT_UNKNOWN);
	assert_true(r.profile.opener_needed);
	m.random_port = true;
	r = classify(&m, &took, 1, true, false);
	assert_false(r.profile.opener_needed);
}

static void test_short_check(void **state)
{
	struct model m = { .mapping = EI, .filtering = APD };
	nsec_t took;
	struct natcheck_report r = classify(&m, &took, 2, false, true);

	assert_true(r.udp);
	assert_int_equal(r.mapping, NAT_UNKNOWN);
	assert_int_equal(r.reflexive.port, LOCAL_PORT);
	assert_true(took <= 2 * ONE_WAY + MSEC(2));
	m.lose = 2; /* the first to each: the second send comes at 100 ms */
	r = classify(&m, &took, 2, false, true);
	assert_true(r.udp && took >= MSEC(100) && took < MSEC(150));
}

static void test_no_udp(void **state)
{
	struct model m = { .dead = true };
	nsec_t took;
	struct natcheck_report r = classify(&m, &took, 2, true, true);

	assert_false(r.udp || r.profile.known);
	assert_in_range(took, MSEC(1500), MSEC(1502));
	assert_true(endpoint_is_zero(&r.reflexive));
	r = classify(&m, &took, 0, true, true);
	assert_false(r.udp);
}

/* Answers from elsewhere, or twice, or to nothing, are refused. */
static void test_unexpected(void **state)
{
	struct natcheck *nc = natcheck_new(1);
	struct endpoint server = at(FIRST, PORT), other = at(SECOND, PORT);
	struct natcheck_send s;
	struct stun_message m;
	uint8_t b[STUN_MAX];
	size_t n;

	natcheck_set_local(nc, NULL, 0, LOCAL_PORT, 0, 1);
	natcheck_set_servers(nc, &server, 1, 1);
	natcheck_start(nc, true, 1);
	assert_true(natcheck_poll(nc, &s, 1));
	assert_int_equal(stun_parse(s.message, s.n, &m), DROP_NONE);
	assert_int_equal(natcheck_input(nc, s.message, s.n, &server, 2),
			 DROP_STUN_UNEXPECTED);
	m.class = STUN_SUCCESS;
	n = stun_write(&m, b); /* no mapped address */
	assert_int_equal(natcheck_input(nc, b, n, &server, 2),
			 DROP_STUN_UNEXPECTED);
	m.mapped = at(PUBLIC, 1);
	m.other = at(0x7f000001, PORT + 1); /* loopback: never contacted */
	n = stun_write(&m, b);
	assert_int_equal(natcheck_input(nc, b, n, &other, 2),
			 DROP_STUN_UNEXPECTED);
	b[8] ^= 1;
	assert_int_equal(natcheck_input(nc, b, n, &server, 2),
			 DROP_STUN_MALFORMED); /* FINGERPRINT */
	b[8] ^= 1;
	assert_int_equal(natcheck_input(nc, b, n, &server, 2), DROP_NONE);
	assert_int_equal(natcheck_input(nc, b, n, &server, 2),
			 DROP_STUN_UNEXPECTED);
	for (nsec_t t = 3; natcheck_running(nc); t += MSEC(1))
		while (natcheck_poll(nc, &s, t))
			assert_true(ipaddr_eq(&s.to.ip, &server.ip));
	natcheck_free(nc);
}

/* any() - a place that a liar may name: anything at all, and with zest the forbidden */
static struct endpoint any(struct prng *g)
{
	static const char *const odd[] = {
		"127.0.0.1", "0.0.0.0",	    "224.0.0.1", "255.255.255.255", "10.0.0.1",
		"::1",	     "ff02::1",	    "fe80::1",	 "100.90.0.1",	    "169.254.1.1",
		"192.0.0.1", "64:ff9b::1",  "fda0::1",	 "198.51.100.1",    "2001:db8::1",
	};
	struct endpoint e = { .port = (uint16_t)prng_below(g, 65536) };

	if (prng_below(g, 3))
		assert_true(ipaddr_parse(odd[prng_below(g, ARRAY_SIZE(odd))], &e.ip));
	else
		e.ip = ipaddr_v4((uint32_t)prng_u64(g));
	return e;
}

static bool is_fit(const struct endpoint *to, const struct endpoint *servers)
{
	return ipaddr_eq(&to->ip, &servers[0].ip) || ipaddr_eq(&to->ip, &servers[1].ip) ||
	       (ipaddr_class(&to->ip) == ADDR_CLASS_GLOBAL && to->port >= 1024);
}

/* lie() - an answer to this request, from where it is expected or from elsewhere */
static void lie(struct natcheck *nc, const struct natcheck_send *s, struct prng *g,
		nsec_t now)
{
	struct stun_message m;
	uint8_t b[STUN_MAX];
	struct endpoint from = prng_below(g, 8) ? s->to : any(g);

	assert_int_equal(stun_parse(s->message, s->n, &m), DROP_NONE);
	m.class = STUN_SUCCESS;
	m.mapped = any(g);
	m.other = prng_below(g, 2) ? any(g) : (struct endpoint){ 0 };
	m.change_ip = m.change_port = false;
	(void)!natcheck_input(nc, b, stun_write(&m, b), &from, now);
}

/* Servers that answer whatever they like lead us nowhere that is forbidden, the check
 * ends, and what comes out of it is within bounds and forbids no try. */
static void test_liars(void **state)
{
	const struct nat_profile easy = { .known = true };
	struct prng g = { 11 };

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct endpoint servers[2] = { at(FIRST, PORT), at(SECOND, PORT) };
		struct natcheck *nc = natcheck_new(i);
		const struct natcheck_report *r;
		struct natcheck_send s;
		unsigned sent = 0;
		nsec_t t = 1;

		natcheck_set_local(nc, NULL, 0, LOCAL_PORT, 0, t);
		natcheck_set_servers(nc, servers, 2, t);
		natcheck_set_aux(nc, AUX_PORT);
		natcheck_start(nc, true, t);
		for (; natcheck_running(nc); t += MSEC(10)) {
			assert_true(t < SEC(30));
			while (natcheck_poll(nc, &s, t)) {
				assert_true(is_fit(&s.to, servers));
				assert_true(++sent < 200);
				if (s.sample)
					natcheck_set_sample(nc, s.sample, SAMPLE_PORT);
				if (prng_below(&g, 10))
					lie(nc, &s, &g, t);
			}
		}
		r = natcheck_last(nc);
		assert_true(allocator_range(&r->profile.allocator) <= 65536);
		(void)strategy_of(&r->profile, &easy);
		assert_false(r->profile.no_scan || r->profile.no_udp);
		natcheck_free(nc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_liars),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_no_aux),
		cmocka_unit_test(test_short_check),
		cmocka_unit_test(test_no_udp),
		cmocka_unit_test(test_unexpected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
