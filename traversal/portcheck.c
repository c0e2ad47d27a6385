/* SPDX-License-Identifier: MIT
 *
 * portcheck.c - does a stranger's packet arrive at that endpoint of ours?
 */
#include "traversal/portcheck.h"

#include <string.h>

#include "base/cursor.h"

static const nsec_t gaps[] = { MSEC(250), MSEC(250), MSEC(500), SEC(1) };

enum {
	SENDS = sizeof(gaps) / sizeof(gaps[0]),
};

static void new_txid(struct portcheck *pc)
{
	struct writer w = writer_of(pc->txid.b, sizeof(pc->txid.b));

	writer_be64(&w, prng_u64(&pc->random));
	writer_be32(&w, (uint32_t)prng_u64(&pc->random));
}

void portcheck_init(struct portcheck *pc, uint64_t seed)
{
	*pc = (struct portcheck){ .random.state = seed,
				  .due = NSEC_NEVER };
}

void portcheck_set_servers(struct portcheck *pc, const struct endpoint *s, unsigned n)
{
	pc->count = n < PORTCHECK_SERVERS_MAX ? n : PORTCHECK_SERVERS_MAX;
	memcpy(pc->servers, s, pc->count * sizeof(*s));
	pc->asked = 0;
}

void portcheck_start(struct portcheck *pc, const struct endpoint *external, nsec_t now)
{
	pc->external = *external;
	pc->outcome = PORTCHECK_RUNNING;
	pc->probing = false;
	pc->sends = 0;
	pc->due = now;
	new_txid(pc);
}

void portcheck_stop(struct portcheck *pc)
{
	pc->outcome = PORTCHECK_IDLE;
	pc->due = NSEC_NEVER;
}

static void conclude(struct portcheck *pc, enum portcheck_outcome outcome)
{
	pc->outcome = outcome;
	pc->due = NSEC_NEVER;
}

/* next_server() - of the external endpoint's family; NULL: there is none */
static const struct endpoint *next_server(struct portcheck *pc)
{
	bool v4 = ipaddr_is_v4(&pc->external.ip);

	for (unsigned i = 1; i <= pc->count; i++) {
		unsigned k = (pc->asked + i) % pc->count;

		if (ipaddr_is_v4(&pc->servers[k].ip) == v4) {
			pc->asked = k;
			return &pc->servers[k];
		}
	}
	return NULL;
}

static void write_question(const struct portcheck *pc, struct portcheck_send *out)
{
	struct stun_message m = { .class = STUN_REQUEST, .txid = pc->txid };

	if (pc->probing) {
		m.change_port = true;
		m.response_port = pc->external.port;
	}
	out->n = stun_write(&m, out->message);
}

bool portcheck_poll(struct portcheck *pc, struct portcheck_send *out, nsec_t now)
{
	const struct endpoint *to;

	if (pc->outcome != PORTCHECK_RUNNING || now < pc->due)
		return false;
	if (pc->sends == SENDS) {
		conclude(pc, pc->probing ? PORTCHECK_CLOSED : PORTCHECK_NO_SERVER);
		return false;
	}
	to = pc->probing ? &pc->servers[pc->asked] : next_server(pc);
	if (!to) {
		conclude(pc, PORTCHECK_NO_SERVER);
		return false;
	}
	out->to = *to;
	write_question(pc, out);
	pc->due = now + gaps[pc->sends++];
	return true;
}

nsec_t portcheck_next_expiry(const struct portcheck *pc)
{
	return pc->due;
}

static int find_server(const struct portcheck *pc, const struct endpoint *from)
{
	for (unsigned i = 0; i < pc->count; i++)
		if (endpoint_eq(&pc->servers[i], from))
			return (int)i;
	return -1;
}

/* take_plain() - the first question's answer, from any server that was asked */
static enum drop take_plain(struct portcheck *pc, const struct stun_message *m,
			    const struct endpoint *from, nsec_t now)
{
	int server = find_server(pc, from);

	if (server < 0)
		return DROP_STUN_UNEXPECTED;
	if (m->class != STUN_SUCCESS)
		return DROP_NONE;
	if (!ipaddr_eq(&m->mapped.ip, &pc->external.ip)) {
		conclude(pc, PORTCHECK_OTHER_ADDRESS);
		return DROP_NONE;
	}
	pc->asked = (unsigned)server;
	pc->probing = true;
	pc->sends = 0;
	pc->due = now;
	new_txid(pc);
	return DROP_NONE;
}

/* take_probe() - proof only from a port of that server that we never spoke to */
static enum drop take_probe(struct portcheck *pc, const struct stun_message *m,
			    const struct endpoint *from)
{
	if (!ipaddr_eq(&from->ip, &pc->servers[pc->asked].ip))
		return DROP_STUN_UNEXPECTED;
	if (m->class == STUN_SUCCESS && find_server(pc, from) < 0 &&
	    ipaddr_eq(&m->mapped.ip, &pc->external.ip))
		conclude(pc, PORTCHECK_OPEN);
	return DROP_NONE;
}

enum drop portcheck_input(struct portcheck *pc, const uint8_t *m, size_t n,
			  const struct endpoint *from, nsec_t now)
{
	struct stun_message got;
	enum drop d;

	if (pc->outcome != PORTCHECK_RUNNING)
		return DROP_STUN_UNEXPECTED;
	d = stun_parse(m, n, &got);
	if (d != DROP_NONE)
		return d;
	if ((got.class != STUN_SUCCESS && got.class != STUN_ERROR) ||
	    memcmp(got.txid.b, pc->txid.b, sizeof(got.txid.b)))
		return DROP_STUN_UNEXPECTED;
	return pc->probing ? take_probe(pc, &got, from) :
			     take_plain(pc, &got, from, now);
}
