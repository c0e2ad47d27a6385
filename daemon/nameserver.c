/* SPDX-License-Identifier: MIT
 *
 * nameserver.c - the node's own name server: a socket, the hosts file, the resolver
 */
#include "daemon/nameserver.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/udp.h"
#include "daemon/dns.h"
#include "daemon/names.h"
#include "daemon/resolver.h"

enum {
	DNS_PORT = 53,
	QUERIES = 32, /* answered in one turn of the loop */
	QUERY_ROOM = 1024, /* longer ones are no questions */
};

struct nameserver {
	struct names names;
	struct udp udp;
	struct loop_watch watch;
	struct endpoint at; /* zero: not listening */
	struct resolver resolver;
	char hosts_path[sizeof(((struct node_conf *)0)->socket) + 8];
	char *hosts; /* as written last */
	size_t hosts_n;
};

/* ---- the socket ---- */

/* Only this machine has the address as a source: a peer's would not pass the tunnel. */
static void answer(struct nameserver *s, const struct udp_in *in)
{
	uint8_t out[DNS_EDNS_MAX];
	struct udp_out o = { .to = in->from, .data = out, .from = in->to };
	unsigned sent;

	if (in->truncated || in->n != in->segment ||
	    !ipaddr_eq(&in->from.ip, &s->at.ip))
		return;
	o.n = names_answer(&s->names, in->data, in->n, out, sizeof(out));
	if (o.n && udp_send(&s->udp, &o, 1, &sent) < 0)
		log_debug("names: an answer could not be sent");
}

static void on_query(struct loop_watch *w, nsec_t now)
{
	struct nameserver *s = container_of(w, struct nameserver, watch);
	uint8_t data[QUERY_ROOM];

	for (unsigned i = 0; i < QUERIES; i++) {
		struct udp_in in = { .data = data, .room = sizeof(data) };

		if (udp_recv(&s->udp, &in, 1) < 1)
			return;
		answer(s, &in);
	}
}

static void stop_listening(struct nameserver *s)
{
	loop_watch_del(&s->watch);
	udp_close(&s->udp);
	s->udp.fd = -1;
	s->at = (struct endpoint){ 0 };
}

static void listen_on(struct node *n, struct nameserver *s, const struct ipaddr *ip)
{
	struct udp_params p = { .local = { .ip = *ip, .port = DNS_PORT } };
	int err;

	if (ipaddr_eq(&s->at.ip, ip))
		return;
	stop_listening(s);
	err = udp_open(&s->udp, &p);
	if (err == -EADDRINUSE || err == -EACCES) {
		p.local.port = 0; /* resolved takes any port */
		err = udp_open(&s->udp, &p);
	}
	if (!err)
		err = loop_watch_add(&n->loop, &s->watch, s->udp.fd, on_query);
	if (err) {
		log_warn("names: cannot listen on our own address: %s; only the "
			 "NSS module gives them", strerror(-err));
		udp_close(&s->udp);
		s->udp.fd = -1;
		return;
	}
	s->at = (struct endpoint){ .ip = *ip, .port = s->udp.port };
}

/* ---- the hosts file ---- */

static void write_hosts(struct nameserver *s)
{
	size_t count = 0;
	char *text = names_hosts(&s->names, &count);
	int err;

	if (text && s->hosts && count == s->hosts_n &&
	    !memcmp(text, s->hosts, count)) {
		free(text);
		return;
	}
	err = text ? file_replace(s->hosts_path, text, count, 0644) : -ENOMEM;
	if (err) {
		log_warn("%s: %s; the NSS module gives older names",
			 s->hosts_path, strerror(-err));
		free(text);
		return;
	}
	free(s->hosts);
	s->hosts = text;
	s->hosts_n = count;
}

/* ---- all of it ---- */

static struct nameserver *open_server(struct node *n)
{
	struct nameserver *s = calloc(1, sizeof(*s));
	const char *slash = strrchr(n->conf.socket, '/');

	if (!s)
		return NULL;
	s->udp.fd = -1;
	resolver_init(&s->resolver);
	names_init(&s->names, n->conf.domain);
	snprintf(s->hosts_path, sizeof(s->hosts_path), "%.*shosts",
		 slash ? (int)(slash - n->conf.socket) + 1 : 0, n->conf.socket);
	return s;
}

void nameserver_update(struct node *n)
{
	struct nameserver *s = n->nameserver;

	if (!n->netmap.version || !strcmp(n->conf.domain, "off"))
		return;
	if (!s)
		s = n->nameserver = open_server(n);
	if (!s || names_update(&s->names, &n->netmap) < 0) {
		log_warn("names: out of memory; they stay as they are");
		return;
	}
	write_hosts(s);
	listen_on(n, s, &n->netmap.self.v4);
	if (!endpoint_is_zero(&s->at))
		resolver_set(&s->resolver, &n->loop, n->device.name, &s->at,
			     &s->names);
}

void nameserver_close(struct node *n)
{
	struct nameserver *s = n->nameserver;

	if (!s)
		return;
	resolver_undo(&s->resolver);
	stop_listening(s);
	unlink(s->hosts_path);
	names_done(&s->names);
	free(s->hosts);
	free(s);
	n->nameserver = NULL;
}

json_t *nameserver_status(const struct node *n)
{
	const struct nameserver *s = n->nameserver;
	const char *advice = s ? resolver_advice(&s->resolver) : NULL;
	char at[ADDR_TEXT];

	if (!s)
		return json_null();
	return json_pack("{s:s,s:o,s:s,s:s?}", "domain", s->names.domain, "server",
			 endpoint_is_zero(&s->at) ? json_null() :
				 json_string(endpoint_text(&s->at, at)),
			 "by", resolver_way_name(&s->resolver), "advice", advice);
}
