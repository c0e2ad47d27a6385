/* SPDX-License-Identifier: MIT
 *
 * test_portmap.c - the engine at honest, forgetful and lying routers, virtual clock
 */
#include "tests/unit/unit.h"

#include "base/cursor.h"
#include "traversal/natpmp.h"
#include "traversal/pcp.h"
#include "traversal/portmap.h"

enum {
	PORT = 24100,
	SENT_MAX = 256,
};

#define GATEWAY	 0x0a000001u
#define LOCAL	 0x0a000002u
#define EXTERNAL 0xcb007105u /* 203.0.113.5 */
#define SERVER	 0xc6336401u /* 198.51.100.1 */

struct router {
	bool pcp, natpmp, upnp; /* speaks */
	uint32_t external; /* says */
	uint16_t port; /* gives; 0: as suggested */
	bool zero_port; /* gives port 0 */
	uint32_t lifetime; /* gives */
	uint8_t pcp_result;
	bool wrong_nonce, wrong_port, from_elsewhere;
	bool permanent; /* UPnP */
	bool forwards; /* really */
	bool deaf; /* answers nothing any more */
	nsec_t booted;
};

struct world {
	struct router r;
	uint32_t seen; /* our address as the server sees it */
	bool server_dead, server_old; /* old: does not know RESPONSE-PORT */
	struct portmap *pm;
	nsec_t now;
	nsec_t maps[SENT_MAX]; /* when PCP or NAT-PMP mapping requests were sent */
	unsigned map_count, deletes, upnp_maps, upnp_deletes, probes;
	uint8_t nonce[PCP_NONCE_OCTETS]; /* of the last PCP MAP */
};

static struct endpoint at(uint32_t ip, uint16_t port)
{
	return (struct endpoint){ .ip = ipaddr_v4(ip), .port = port };
}

static uint32_t epoch(const struct world *w)
{
	return (uint32_t)((w->now - w->r.booted) / SEC(1));
}

static uint16_t given(const struct world *w, uint16_t wish)
{
	return w->r.zero_port ? 0 : w->r.port ? w->r.port : wish;
}

static void deliver(struct world *w, const uint8_t *m, size_t n, enum drop want)
{
	struct endpoint from = at(w->r.from_elsewhere ? GATEWAY + 8 : GATEWAY,
				  PCP_PORT);

	if (w->r.from_elsewhere)
		want = DROP_PORTMAP_UNEXPECTED;
	assert_int_equal(portmap_input(w->pm, m, n, &from, w->now), want);
}

static void pcp_announce(struct world *w, const struct endpoint *from, enum drop want)
{
	uint8_t m[PCP_MAP_OCTETS];
	struct writer o = writer_of(m, sizeof(m));

	writer_be32(&o, 0x02800000);
	writer_be32(&o, 0);
	writer_be32(&o, epoch(w));
	writer_zero(&o, 12);
	assert_int_equal(portmap_input(w->pm, m, writer_len(&o), from, w->now),
			 want);
}

static void answer_pcp(struct world *w, const uint8_t *q)
{
	struct endpoint gateway = at(w->r.from_elsewhere ? GATEWAY + 8 : GATEWAY,
				     PCP_PORT);
	struct ipaddr external = ipaddr_v4(w->r.external);
	uint32_t lifetime = (uint32_t)q[4] << 24 | q[5] << 16 | q[6] << 8 | q[7];
	uint8_t m[PCP_MAP_OCTETS];
	struct writer o = writer_of(m, sizeof(m));
	bool lie = w->r.wrong_nonce || w->r.wrong_port;

	if (q[1] == PCP_ANNOUNCE) {
		pcp_announce(w, &gateway,
			     w->r.from_elsewhere ? DROP_PORTMAP_UNEXPECTED :
						   DROP_NONE);
		return;
	}
	writer_be32(&o, 0x02810000u | w->r.pcp_result);
	writer_be32(&o, lifetime ? w->r.lifetime : 0);
	writer_be32(&o, epoch(w));
	writer_zero(&o, 12);
	writer_put(&o, q + 24, 12 + 4 + 2);
	writer_be16(&o, given(w, (uint16_t)(q[42] << 8 | q[43])));
	writer_put(&o, external.b, 16);
	m[24] ^= w->r.wrong_nonce;
	m[41] ^= w->r.wrong_port;
	if (lifetime)
		deliver(w, m, sizeof(m), lie ? DROP_PORTMAP_UNEXPECTED : DROP_NONE);
	else
		deliver(w, m, sizeof(m), DROP_PORTMAP_UNEXPECTED);
}

static void answer_natpmp(struct world *w, const uint8_t *q)
{
	uint8_t m[NATPMP_MAX];
	struct writer o = writer_of(m, sizeof(m));
	uint32_t lifetime;

	writer_be32(&o, q[1] == NATPMP_ADDRESS ? 0x00800000 : 0x00810000);
	writer_be32(&o, epoch(w));
	if (q[1] == NATPMP_ADDRESS) {
		writer_be32(&o, w->r.external);
		deliver(w, m, writer_len(&o), DROP_NONE);
		return;
	}
	lifetime = (uint32_t)q[8] << 24 | q[9] << 16 | q[10] << 8 | q[11];
	writer_put(&o, q + 4, 2);
	writer_be16(&o, given(w, (uint16_t)(q[6] << 8 | q[7])));
	writer_be32(&o, lifetime ? w->r.lifetime : 0);
	deliver(w, m, writer_len(&o),
		lifetime ? DROP_NONE : DROP_PORTMAP_UNEXPECTED);
}

static bool is_map(const struct portmap_action *a)
{
	return a->n >= 12 && a->message[1] == 1;
}

static bool is_delete(const struct portmap_action *a)
{
	const uint8_t *life = a->message + (a->message[0] == PCP_VERSION ? 4 : 8);

	return is_map(a) && !(life[0] | life[1] | life[2] | life[3]);
}

static void at_router(struct world *w, const struct portmap_action *a)
{
	bool pcp = a->message[0] == PCP_VERSION;

	assert_int_equal(a->to.port, PCP_PORT);
	if (is_delete(a))
		w->deletes++;
	else if (is_map(a) && w->map_count < SENT_MAX)
		w->maps[w->map_count++] = w->now;
	if (is_map(a) && pcp)
		memcpy(w->nonce, a->message + 24, sizeof(w->nonce));
	if (w->r.deaf || !(pcp ? w->r.pcp : w->r.natpmp))
		return;
	if (pcp)
		answer_pcp(w, a->message);
	else
		answer_natpmp(w, a->message);
}

static void at_server(struct world *w, const struct portmap_action *a)
{
	struct stun_message q, m = { .class = STUN_SUCCESS };
	struct endpoint from = a->to;
	bool probe;

	assert_int_equal(stun_parse(a->message, a->n, &q), DROP_NONE);
	probe = q.response_port;
	w->probes += probe;
	m.txid = q.txid;
	m.mapped = at(w->seen, PORT);
	if (w->server_dead || (probe && !w->server_old && !w->r.forwards))
		return;
	if (probe && !w->server_old)
		from.port = 50000; /* a stranger's */
	uint8_t out[STUN_MAX];
	size_t n = stun_write(&m, out);

	assert_int_equal(portmap_stun_input(w->pm, out, n, &from, w->now),
			 DROP_NONE);
}

static void at_child(struct world *w, const struct portmap_job *job)
{
	struct portmap_answer a = { .ok = w->r.upnp && !w->r.deaf };

	if (job->kind == PORTMAP_MAP) {
		w->upnp_maps++;
		a.external = at(w->r.external, given(w, job->external_port));
		a.lifetime_s = w->r.permanent ? 0 : job->lifetime_s;
	}
	if (job->kind == PORTMAP_UNMAP) {
		w->upnp_deletes++;
		assert_true(job->external_port >= 1024);
		return;
	}
	portmap_upnp_done(w->pm, job->kind, &a, w->now);
}

static void act(struct world *w)
{
	struct portmap_action a;
	unsigned bound = 200;

	while (portmap_poll(w->pm, &a, w->now)) {
		assert_true(bound-- > 0);
		switch (a.kind) {
		case PORTMAP_TELL_ROUTER:
			at_router(w, &a);
			break;
		case PORTMAP_TELL_SERVER:
			at_server(w, &a);
			break;
		case PORTMAP_RUN_UPNP:
			at_child(w, &a.job);
			break;
		}
	}
}

/* pass() - time goes by, from expiry to expiry */
static void pass(struct world *w, nsec_t span)
{
	nsec_t end = w->now + span;
	unsigned bound = 20000;

	act(w);
	while (portmap_next_expiry(w->pm) <= end) {
		nsec_t next = portmap_next_expiry(w->pm);

		assert_true(bound-- > 0); /* it must get on */
		w->now = nsec_max(w->now, next);
		act(w);
	}
	w->now = end;
}

static struct portmap_where where(void)
{
	return (struct portmap_where){ .gateway = ipaddr_v4(GATEWAY),
				       .local = ipaddr_v4(LOCAL),
				       .port = PORT,
				       .allowed = { true, true, true },
				       .fresh = "0123456789a" };
}

static void begin(struct world *w, const struct router *r)
{
	struct endpoint s[] = { at(SERVER, 3478), at(SERVER, 3479) };
	struct portmap_where here = where();

	*w = (struct world){ .r = *r, .seen = EXTERNAL, .now = SEC(1000000) };
	if (!w->r.lifetime)
		w->r.lifetime = 7200;
	if (!w->r.external)
		w->r.external = EXTERNAL;
	w->pm = portmap_new(7);
	assert_non_null(w->pm);
	portmap_set_servers(w->pm, s, 2, w->now);
	portmap_start(w->pm, &here, w->now);
}

static struct portmap_report report(struct world *w)
{
	bool changed;

	return portmap_report(w->pm, &changed);
}

static void end(struct world *w)
{
	portmap_free(w->pm);
}

static const struct router honest = { .pcp = true, .natpmp = true, .upnp = true,
				      .forwards = true };

static void test_each_alone(void **state)
{
	(void)state;
	for (int i = 0; i < PORTMAP_DIALECTS; i++) {
		struct router r = { .pcp = i == PORTMAP_PCP,
				    .natpmp = i == PORTMAP_NATPMP,
				    .upnp = i == PORTMAP_UPNP,
				    .forwards = true };
		struct endpoint want = at(EXTERNAL, PORT);
		struct portmap_report got;
		struct world w;

		begin(&w, &r);
		pass(&w, SEC(2));
		got = report(&w);
		assert_int_equal(got.using, i);
		assert_true(got.proved);
		assert_true(endpoint_eq(&got.external, &want));
		assert_int_equal(got.state[i], PORTMAP_OPEN);
		for (int k = 0; k < PORTMAP_DIALECTS; k++)
			assert_int_equal(got.there[k], k == i);
		portmap_stop(w.pm);
		act(&w);
		assert_int_equal(i == PORTMAP_UPNP ? w.upnp_deletes : w.deletes, 1);
		end(&w);
	}
}

static void test_one_mapping_of_three(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &honest);
	pass(&w, SEC(60));
	assert_int_equal(report(&w).using, PORTMAP_PCP);
	assert_true(report(&w).there[PORTMAP_UPNP]);
	assert_int_equal(w.map_count, 1);
	assert_int_equal(w.upnp_maps, 0);
	end(&w);
}

static void test_nobody(void **state)
{
	const struct router none = { .forwards = true };
	struct world w;

	(void)state;
	begin(&w, &none);
	pass(&w, SEC(3600));
	assert_int_equal(report(&w).using, -1);
	assert_int_equal(report(&w).state[PORTMAP_PCP], PORTMAP_SILENT);
	assert_int_equal(w.map_count, 0);
	w.r = honest; /* it learns it: found within ten minutes */
	w.r.external = EXTERNAL;
	w.r.lifetime = 7200;
	pass(&w, SEC(700));
	assert_true(report(&w).proved);
	end(&w);
}

static void test_liars(void **state)
{
	static const struct {
		const char *what;
		struct router r;
		enum portmap_state want;
	} rows[] = {
		{ "private", { .external = 0xc0a80101 }, PORTMAP_BAD_ADDRESS },
		{ "shared", { .external = 0x64400001 }, PORTMAP_BAD_ADDRESS },
		{ "loopback", { .external = 0x7f000001 }, PORTMAP_BAD_ADDRESS },
		{ "multicast", { .external = 0xe0000005 }, PORTMAP_BAD_ADDRESS },
		{ "broadcast", { .external = 0xffffffff }, PORTMAP_BAD_ADDRESS },
		{ "another's", { .external = 0x08080808 }, PORTMAP_BAD_ADDRESS },
		{ "port 0", { .zero_port = true }, PORTMAP_BAD_PORT },
		{ "port 22", { .port = 22 }, PORTMAP_BAD_PORT },
		{ "a second", { .lifetime = 1 }, PORTMAP_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows) * PORTMAP_DIALECTS; i++) {
		struct router r = rows[i / PORTMAP_DIALECTS].r;
		int by = (int)(i % PORTMAP_DIALECTS);
		struct world w;

		if (by == PORTMAP_UPNP && r.lifetime)
			continue;
		r.pcp = by == PORTMAP_PCP;
		r.natpmp = by == PORTMAP_NATPMP;
		r.upnp = by == PORTMAP_UPNP;
		r.forwards = true;
		begin(&w, &r);
		if (r.external && r.external != 0x08080808)
			w.seen = r.external; /* not even if a server agrees */
		for (int k = 0; k < 100; k++) {
			pass(&w, MSEC(100));
			assert_false(report(&w).proved);
		}
		if (report(&w).state[by] != rows[i / PORTMAP_DIALECTS].want ||
		    report(&w).using != -1)
			fail_msg("%s: %s", rows[i / PORTMAP_DIALECTS].what,
				 portmap_state_text(report(&w).state[by]));
		end(&w);
	}
}

static void test_foreign_answers(void **state)
{
	static const struct router rows[] = {
		{ .pcp = true, .wrong_nonce = true },
		{ .pcp = true, .wrong_port = true },
		{ .pcp = true, .from_elsewhere = true },
		{ .pcp = true, .pcp_result = PCP_ADDRESS_MISMATCH },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct router r = rows[i];
		struct world w;

		r.forwards = true;
		begin(&w, &r);
		pass(&w, SEC(20));
		assert_int_equal(report(&w).using, -1);
		end(&w);
	}
}

/* what PCP does not deliver, the next one may */
static void test_falls_back(void **state)
{
	struct router r = honest;
	struct world w;

	(void)state;
	r.pcp_result = PCP_NO_RESOURCES;
	begin(&w, &r);
	pass(&w, SEC(5));
	assert_int_equal(report(&w).using, PORTMAP_NATPMP);
	assert_true(report(&w).proved);
	assert_int_equal(report(&w).state[PORTMAP_PCP], PORTMAP_REFUSED);
	end(&w);
}

static void test_closed_is_never_advertised(void **state)
{
	struct router r = honest;
	struct world w;

	(void)state;
	r.forwards = false;
	begin(&w, &r);
	for (int i = 0; i < 300; i++) {
		pass(&w, MSEC(100));
		assert_false(report(&w).proved);
	}
	assert_int_equal(report(&w).using, -1);
	for (int i = 0; i < PORTMAP_DIALECTS; i++)
		assert_int_equal(report(&w).state[i], PORTMAP_CLOSED);
	assert_int_equal(w.deletes, 2); /* each was given back */
	assert_int_equal(w.upnp_deletes, 1);
	end(&w);
}

static void test_proof_by_old_server_is_none(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &honest);
	w.server_old = true; /* answers the probe from the known port */
	pass(&w, SEC(60));
	assert_false(report(&w).proved);
	end(&w);
}

static void test_dead_server(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &honest);
	w.server_dead = true;
	pass(&w, SEC(20));
	assert_false(report(&w).proved);
	assert_int_equal(report(&w).using, PORTMAP_PCP); /* nothing is known */
	w.server_dead = false;
	pass(&w, SEC(60));
	assert_true(report(&w).proved);
	w.server_dead = true; /* what was proved stays so */
	pass(&w, SEC(1800));
	assert_true(report(&w).proved);
	end(&w);
}

static void test_renewal(void **state)
{
	nsec_t start;
	struct world w;
	uint8_t nonce[PCP_NONCE_OCTETS];

	(void)state;
	begin(&w, &(struct router){ .pcp = true, .forwards = true });
	start = w.now;
	pass(&w, SEC(3599));
	assert_int_equal(w.map_count, 1);
	memcpy(nonce, w.nonce, sizeof(nonce));
	pass(&w, SEC(2));
	assert_int_equal(w.map_count, 2);
	assert_memory_equal(nonce, w.nonce, sizeof(nonce));
	assert_memory_equal(nonce, where().fresh, sizeof(nonce));
	w.r.deaf = true; /* 1/2, 3/4 and 7/8 of what is left, four sends each */
	start = w.maps[1];
	w.map_count = 0;
	pass(&w, SEC(7190) - (w.now - start));
	assert_int_equal(w.map_count, 12);
	assert_int_equal(w.maps[0] - start, SEC(3600));
	assert_int_equal(w.maps[1] - w.maps[0], MSEC(250));
	assert_int_equal(w.maps[2] - w.maps[1], MSEC(500));
	assert_int_equal(w.maps[3] - w.maps[2], SEC(1));
	assert_int_equal(w.maps[4] - start, SEC(5400));
	assert_int_equal(w.maps[8] - start, SEC(6300));
	assert_int_equal(report(&w).using, PORTMAP_PCP);
	pass(&w, SEC(20)); /* and then it is over */
	assert_int_equal(report(&w).using, -1);
	end(&w);
}

static void test_epoch_back(void **state)
{
	struct endpoint gateway = at(GATEWAY, PCP_PORT);
	struct endpoint forger = at(GATEWAY + 1, PCP_PORT);
	struct world w;

	(void)state;
	begin(&w, &(struct router){ .pcp = true, .forwards = true });
	pass(&w, SEC(100));
	pcp_announce(&w, &gateway, DROP_NONE); /* nothing new */
	pass(&w, SEC(10));
	assert_int_equal(w.map_count, 1);
	w.r.booted = w.now;
	pcp_announce(&w, &forger, DROP_PORTMAP_UNEXPECTED);
	pass(&w, SEC(1));
	assert_int_equal(w.map_count, 1);
	pcp_announce(&w, &gateway, DROP_NONE);
	pass(&w, SEC(1));
	assert_int_equal(w.map_count, 2);
	assert_true(report(&w).proved);
	for (int i = 0; i < 100; i++) { /* a flood makes no flood */
		w.r.booted = w.now - SEC(i % 2 * 50);
		pcp_announce(&w, &gateway, DROP_NONE);
		pass(&w, MSEC(10));
	}
	assert_in_range(w.map_count, 2, 4);
	end(&w);
}

static void test_proof_is_repeated(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &(struct router){ .natpmp = true, .forwards = true });
	pass(&w, SEC(2));
	assert_true(report(&w).proved);
	assert_int_equal(w.probes, 1);
	pass(&w, SEC(605));
	assert_int_equal(w.probes, 2);
	w.r.forwards = false; /* the router lost it without a word */
	pass(&w, SEC(620));
	assert_false(report(&w).proved);
	w.r.forwards = true;
	pass(&w, SEC(1300));
	assert_true(report(&w).proved);
	end(&w);
}

static void test_permanent(void **state)
{
	struct world w;

	(void)state;
	begin(&w, &(struct router){ .upnp = true, .permanent = true,
				    .forwards = true });
	pass(&w, SEC(3 * 7200));
	assert_true(report(&w).proved);
	assert_true(w.upnp_maps > 3); /* asked again all the same */
	portmap_stop(w.pm);
	act(&w);
	assert_int_equal(w.upnp_deletes, 1);
	end(&w);
}

static void test_network_change(void **state)
{
	struct portmap_where here = where();
	uint8_t nonce[PCP_NONCE_OCTETS];
	struct world w;

	(void)state;
	begin(&w, &honest);
	pass(&w, SEC(30));
	memcpy(nonce, w.nonce, sizeof(nonce));
	memset(here.fresh, 1, sizeof(here.fresh));
	portmap_start(w.pm, &here, w.now); /* the same place: nothing is lost */
	assert_true(report(&w).proved);
	pass(&w, SEC(5));
	assert_true(report(&w).proved);
	assert_memory_equal(nonce, w.nonce, sizeof(nonce));
	here.local = ipaddr_v4(LOCAL + 1);
	portmap_start(w.pm, &here, w.now); /* another: all is */
	assert_false(report(&w).proved);
	pass(&w, SEC(5));
	assert_true(report(&w).proved);
	assert_memory_equal(here.fresh, w.nonce, sizeof(w.nonce));
	end(&w);
}

/* hear6() - the answer to an IPv6 request: the same octets, but for what a response differs in */
static void hear6(struct portmap *pm, const struct portmap_action *a, const char *option)
{
	struct endpoint from = a->to;
	uint8_t m[200];
	size_t n = a->n > PCP_MAP_OCTETS ? PCP_MAP_OCTETS : a->n;

	memcpy(m, a->message, n);
	m[1] |= 0x80;
	memset(m + 8, 0, 16);
	m[11] = 5; /* epoch */
	n += unit_hex(option, m + n, sizeof(m) - n);
	assert_int_equal(portmap_input(pm, m, n, &from, SEC(100)), DROP_NONE);
}

static void a_router_names_the_translator(void **state)
{
	struct portmap *pm = portmap_new(1);
	struct portmap_where w = { .port = 5000, .allowed = { [PORTMAP_PCP] = true } };
	struct portmap_action a;
	struct portmap_report r;
	struct prefix want;
	bool changed;

	(void)state;
	assert_true(ipaddr_parse("2001:db8::1", &w.gateway));
	assert_true(ipaddr_parse("2001:db8::2", &w.local));
	assert_true(prefix_parse("64:ff9b::/96", &want));
	portmap_start(pm, &w, SEC(100));
	assert_true(portmap_poll(pm, &a, SEC(100)));
	hear6(pm, &a, "");
	assert_false(portmap_report(pm, &changed).translates);
	assert_true(portmap_poll(pm, &a, SEC(100)));
	assert_int_equal(a.n, PCP_REQUEST_MAX);
	assert_int_equal(a.message[PCP_MAP_OCTETS], 129);
	hear6(pm, &a, "8100000e 000c 0064ff9b0000000000000000 0000");
	r = portmap_report(pm, &changed);
	assert_true(r.translates);
	assert_true(prefix_eq(&r.translator.prefix, &want));
	portmap_stop(pm);
	assert_false(portmap_report(pm, &changed).translates);
	portmap_free(pm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_alone),
		cmocka_unit_test(test_one_mapping_of_three),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_liars),
		cmocka_unit_test(test_foreign_answers),
		cmocka_unit_test(test_falls_back),
		cmocka_unit_test(test_closed_is_never_advertised),
		cmocka_unit_test(test_proof_by_old_server_is_none),
		cmocka_unit_test(test_dead_server),
		cmocka_unit_test(test_renewal),
		cmocka_unit_test(test_epoch_back),
		cmocka_unit_test(test_proof_is_repeated),
		cmocka_unit_test(test_permanent),
		cmocka_unit_test(test_network_change),
		cmocka_unit_test(a_router_names_the_translator),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
