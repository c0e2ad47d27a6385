/* SPDX-License-Identifier: MIT
 *
 * stunserver.c - answers to STUN Binding requests
 */
#include "relay/stunserver.h"

#include <stdlib.h>

#include "relay/limiter.h"

enum {
	BAD_REQUEST = 400, /* RFC 8489 s14.8 */
	UNKNOWN_ATTRIBUTE = 420,
	LEAST_PORT = 1024, /* that RESPONSE-PORT may name: no service is poked */
};

struct stunserver {
	struct limiter *limiter;
};

struct stunserver *stunserver_new(uint64_t seed)
{
	struct stunserver *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->limiter = limiter_new(STUNSERVER_RATE, STUNSERVER_BURST, seed);
	if (!s->limiter) {
		free(s);
		return NULL;
	}
	return s;
}

void stunserver_free(struct stunserver *s)
{
	if (s)
		limiter_free(s->limiter);
	free(s);
}

/* refusal() - the error code for a request that cannot be met; 0: it can */
static unsigned refusal(const struct stun_message *m,
			const struct stunserver_in *in)
{
	if (m->unknown_count)
		return UNKNOWN_ATTRIBUTE;
	if (m->change_ip && ipaddr_is_zero(&in->other))
		return m->classic ? BAD_REQUEST : UNKNOWN_ATTRIBUTE;
	if (m->response_port && m->response_port < LEAST_PORT)
		return BAD_REQUEST;
	return 0;
}

static void write_error(const struct stun_message *m, unsigned code,
			struct stunserver_out *out)
{
	struct stun_message reply = *m;

	reply.class = STUN_ERROR;
	reply.error = code;
	if (code == UNKNOWN_ATTRIBUTE && !reply.unknown_count) {
		reply.unknown[0] = 0x0003; /* CHANGE-REQUEST, RFC 5780 s6.1 */
		reply.unknown_count = 1;
	}
	out->n = stun_write(&reply, out->message);
}

static void write_success(const struct stun_message *m,
			  const struct stunserver_in *in,
			  struct stunserver_out *out)
{
	struct stun_message reply = { .class = STUN_SUCCESS,
				      .txid = m->txid,
				      .mapped = in->from,
				      .classic = m->classic };
	bool two = !ipaddr_is_zero(&in->other);

	for (size_t i = 0; i < sizeof(m->classic_id); i++)
		reply.classic_id[i] = m->classic_id[i];
	if (!ipaddr_is_zero(&in->to.ip)) {
		reply.origin.ip = m->change_ip ? in->other : in->to.ip;
		reply.origin.port = m->change_port ? in->other_port :
						     in->to.port;
		reply.other.ip = two ? in->other : in->to.ip;
		reply.other.port = in->other_port;
	}
	out->change_ip = m->change_ip;
	out->change_port = m->change_port;
	out->stranger = m->response_port && m->change_port;
	if (m->response_port)
		out->to.port = m->response_port;
	out->n = stun_write(&reply, out->message);
}

enum drop stunserver_input(struct stunserver *s, const struct stunserver_in *in,
			   struct stunserver_out *out, nsec_t now)
{
	struct stun_message m;
	enum drop d = stun_parse(in->m, in->n, &m);
	unsigned code;

	if (d != DROP_NONE)
		return d;
	if (m.class != STUN_REQUEST)
		return DROP_STUN_UNEXPECTED;
	if (!limiter_pass(s->limiter, &in->from.ip, now))
		return DROP_RELAY_RATE;
	*out = (struct stunserver_out){ .to = in->from };
	code = refusal(&m, in);
	if (code)
		write_error(&m, code, out);
	else
		write_success(&m, in, out);
	return DROP_NONE;
}
