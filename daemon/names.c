/* SPDX-License-Identifier: MIT
 *
 * names.c - the names of the network: what the DNS is told, and the hosts file
 */
#include "daemon/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dns.h"

enum {
	CLASS_IN = 1,
	CLASS_ANY = 255,
	HOST_LINES = 2 * (ADDR_TEXT + NAMES_DOMAIN + 2 * NETMAP_NAME + 4),
};

static const char v4_tree[] = "in-addr.arpa", v6_tree[] = "ip6.arpa";

void names_init(struct names *z, const char *domain)
{
	*z = (struct names){ 0 };
	snprintf(z->domain, sizeof(z->domain), "%s", domain);
}

void names_done(struct names *z)
{
	free(z->hosts);
	*z = (struct names){ 0 };
}

static int by_name(const void *a, const void *b)
{
	const struct names_host *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct names_host host_of(const struct netmap_node *n)
{
	struct names_host h = { .v4 = n->v4, .v6 = n->v6 };

	memcpy(h.name, n->name, sizeof(h.name));
	return h;
}

/* Names that programs of this host ask for by themselves and believe: a member must not
 * be able to answer for them. RFC 6761 s6.3; proxy and tunnel discovery. */
static bool is_reserved(const char *name)
{
	static const char *const reserved[] = { "localhost", "wpad", "isatap" };

	for (unsigned i = 0; i < ARRAY_SIZE(reserved); i++)
		if (!strcmp(name, reserved[i]))
			return true;
	return false;
}

int names_update(struct names *z, const struct netmap *m)
{
	struct names_host *hosts = calloc(m->peer_count + 1u, sizeof(*hosts));
	unsigned count = 0;

	if (!hosts)
		return -ENOMEM;
	if (m->version)
		hosts[count++] = host_of(&m->self);
	for (unsigned i = 0; i < m->peer_count; i++)
		if (!is_reserved(m->peers[i].name))
			hosts[count++] = host_of(&m->peers[i]);
	qsort(hosts, count, sizeof(*hosts), by_name);
	free(z->hosts);
	z->hosts = hosts;
	z->count = count;
	memcpy(z->self, m->self.name, sizeof(z->self));
	memcpy(z->overlay, m->overlay, sizeof(z->overlay));
	z->serial = (uint32_t)m->version;
	return 0;
}

const struct names_host *names_find(const struct names *z, const char *label, size_t n)
{
	struct names_host key = { 0 };

	if (n == 0 || n >= sizeof(key.name) || !z->count)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char c = label[i];

		key.name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	return bsearch(&key, z->hosts, z->count, sizeof(key), by_name);
}

/* under() - octets in front of ".zone"; 0: it is the zone itself; -1: not inside */
static int under(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	if (n < z || strcmp(name + n - z, zone) != 0)
		return -1;
	if (n == z)
		return 0;
	return name[n - z - 1] == '.' ? (int)(n - z - 1) : -1;
}

/* ---- reverse names, RFC 1035 s3.5, RFC 3596 s2.5 ---- */

void names_reverse_zone(const struct prefix *p, char out[static NAMES_ZONE])
{
	bool v4 = prefix_is_v4(p);
	unsigned bits = prefix_family_bits(p), step = v4 ? 8 : 4;
	size_t n = 0;

	out[0] = 0;
	if (!bits)
		return;
	for (unsigned i = (bits + step - 1) / step; i-- > 0;) {
		const uint8_t *b = p->ip.b + (v4 ? 12 : 0);
		size_t room = NAMES_ZONE - n;

		if (v4)
			n += (size_t)snprintf(out + n, room, "%u.", b[i]);
		else
			n += (size_t)snprintf(out + n, room, "%x.",
					      b[i / 2] >> (i % 2 ? 0 : 4) & 15);
	}
	snprintf(out + n, NAMES_ZONE - n, "%s", v4 ? v4_tree : v6_tree);
}

/* One label of a reverse name as a number; -1: none */
static int number(const char *p, size_t n, bool v4)
{
	static const char digits[] = "0123456789abcdef";
	int v = 0;

	if (n == 0 || n > (v4 ? 3 : 1) || (n > 1 && *p == '0'))
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *d = memchr(digits, p[i], v4 ? 10 : 16);

		if (!d)
			return -1;
		v = v * (v4 ? 10 : 16) + (int)(d - digits);
	}
	return v <= 255 ? v : -1;
}

/* A reverse name, read from its end. */
struct reverse {
	struct ipaddr ip; /* what was read, zeroes behind it */
	unsigned parts;
	bool odd; /* in front of these, something that is no part of an address */
};

static bool reverse_parse(const char *name, bool v4, struct reverse *out)
{
	int end = under(name, v4 ? v4_tree : v6_tree);
	unsigned max = v4 ? 4 : 32;
	uint8_t b[16] = { 0 };

	*out = (struct reverse){ 0 };
	if (end < 0)
		return false;
	while (end > 0 && !out->odd) {
		int start = end, v;

		while (start > 0 && name[start - 1] != '.')
			start--;
		v = number(name + start, (size_t)(end - start), v4);
		out->odd = v < 0 || out->parts == max;
		if (out->odd)
			break;
		if (v4)
			b[out->parts] = (uint8_t)v;
		else
			b[out->parts / 2] |= (uint8_t)(out->parts % 2 ? v : v << 4);
		out->parts++;
		end = start ? start - 1 : 0;
	}
	out->ip = v4 ? ipaddr_from_v4(b) : ipaddr_from_v6(b);
	return true;
}

static const struct names_host *find_address(const struct names *z,
					     const struct ipaddr *ip)
{
	for (unsigned i = 0; i < z->count; i++)
		if (ipaddr_eq(&z->hosts[i].v4, ip) || ipaddr_eq(&z->hosts[i].v6, ip))
			return &z->hosts[i];
	return NULL;
}

/* ---- answers ---- */

/* Room for a label, a dot and a domain. */
struct full_name {
	char text[NETMAP_NAME + NAMES_DOMAIN + 1];
};

static struct full_name full(const struct names *z, const char *label)
{
	struct full_name f;

	snprintf(f.text, sizeof(f.text), "%s%s%s", label, *label ? "." : "",
		 z->domain);
	return f;
}

static void deny(const struct names *z, struct dns_answer *a, const char *zone,
		 enum dns_rcode rcode)
{
	struct full_name server = full(z, z->self);

	a->rcode = rcode;
	dns_answer_soa(a, zone, server.text, z->serial, true, NAMES_DENIAL_S);
}

static bool asks(const struct dns_question *q, enum dns_type type)
{
	return q->type == type || q->type == DNS_ANY;
}

/* answer_apex() - the zone itself: SOA and NS, and no address */
static void answer_apex(const struct names *z, struct dns_answer *a, const char *zone)
{
	struct full_name server = full(z, z->self);

	if (asks(a->q, DNS_SOA))
		dns_answer_soa(a, zone, server.text, z->serial, false,
			       NAMES_TTL_S);
	else if (a->q->type == DNS_NS)
		dns_answer_name(a, DNS_NS, server.text, NAMES_TTL_S);
	else
		deny(z, a, zone, DNS_NOERROR);
}

static void answer_host(const struct names *z, struct dns_answer *a,
			const struct names_host *h)
{
	if (asks(a->q, DNS_A) && !ipaddr_is_zero(&h->v4))
		dns_answer_address(a, &h->v4, NAMES_TTL_S);
	if (asks(a->q, DNS_AAAA) && !ipaddr_is_zero(&h->v6))
		dns_answer_address(a, &h->v6, NAMES_TTL_S);
	if (!a->answers)
		deny(z, a, z->domain, DNS_NOERROR);
}

static void answer_address(const struct names *z, struct dns_answer *a,
			   const struct reverse *r, bool v4, const char *zone)
{
	bool whole = r->parts == (v4 ? 4 : 32);
	const struct names_host *h = NULL;

	if (whole && !r->odd)
		h = find_address(z, &r->ip);
	if (h && asks(a->q, DNS_PTR)) {
		struct full_name name = full(z, h->name);

		dns_answer_name(a, DNS_PTR, name.text, NAMES_TTL_S);
	} else {
		/* between the zone and an address there are empty names */
		deny(z, a, zone, h || (!whole && !r->odd) ? DNS_NOERROR :
							    DNS_NXDOMAIN);
	}
}

/* answer_reverse() - false: not a name of the overlay. A range that does not end at a
 * label is several zones. */
static bool answer_reverse(const struct names *z, struct dns_answer *a, bool v4)
{
	const struct prefix *net = &z->overlay[v4 ? 0 : 1];
	unsigned step = v4 ? 8 : 4;
	unsigned need = (prefix_family_bits(net) + step - 1) / step;
	struct prefix cut;
	char zone[NAMES_ZONE];
	struct reverse r;

	if (!need || !reverse_parse(a->q->name, v4, &r) || r.parts < need ||
	    !prefix_contains(net, &r.ip))
		return false;
	cut = prefix_make(r.ip, need * step);
	names_reverse_zone(&cut, zone);
	a->ours = true;
	if (!under(a->q->name, zone))
		answer_apex(z, a, zone);
	else
		answer_address(z, a, &r, v4, zone);
	return true;
}

static void answer_name(const struct names *z, struct dns_answer *a)
{
	int n = under(a->q->name, z->domain);
	const struct names_host *h;

	if (n < 0) {
		if (!answer_reverse(z, a, true) &&
		    !answer_reverse(z, a, false))
			a->rcode = DNS_REFUSED;
		return;
	}
	a->ours = true;
	if (n == 0) {
		answer_apex(z, a, z->domain);
		return;
	}
	h = names_find(z, a->q->name, (size_t)n);
	if (h)
		answer_host(z, a, h);
	else
		deny(z, a, z->domain, DNS_NXDOMAIN);
}

size_t names_answer(const struct names *z, const void *m, size_t n, void *out,
		    size_t room)
{
	struct dns_question q;
	struct dns_answer a;

	switch (dns_question_parse(m, n, &q)) {
	case DNS_IGNORE:
		return 0;
	case DNS_REPROACH:
		return room < DNS_HEADER ? 0 : dns_reproach(q.id, out);
	case DNS_ASKED:
		break;
	}
	dns_answer_begin(&a, &q, out, room);
	if (q.edns && q.edns_version)
		a.rcode = DNS_BADVERS;
	else if (q.opcode)
		a.rcode = DNS_NOTIMP;
	else if ((q.class != CLASS_IN && q.class != CLASS_ANY) ||
		 (q.type >= 249 && q.type <= 254))
		a.rcode = DNS_REFUSED; /* RFC 6895 s3.1: transfers and the like */
	else if (!z->count)
		a.rcode = DNS_SERVFAIL; /* in no network: we know nothing */
	else
		answer_name(z, &a);
	return dns_answer_end(&a);
}

/* ---- the hosts file ---- */

static int host_line(const struct names *z, const struct names_host *h,
		     const struct ipaddr *ip, char *out, size_t room)
{
	char text[ADDR_TEXT];

	if (ipaddr_is_zero(ip))
		return 0;
	return snprintf(out, room, "%s %s.%s %s\n", ipaddr_text(ip, text),
			h->name, z->domain, h->name);
}

char *names_hosts(const struct names *z, size_t *n)
{
	size_t room = NAMES_DOMAIN + 32 + (size_t)z->count * HOST_LINES, at;
	char *text = malloc(room);

	if (!text)
		return NULL;
	at = (size_t)snprintf(text, room, "# adit 1 %s\n", z->domain);
	for (unsigned i = 0; i < z->count; i++) {
		const struct names_host *h = &z->hosts[i];

		at += (size_t)host_line(z, h, &h->v4, text + at, room - at);
		at += (size_t)host_line(z, h, &h->v6, text + at, room - at);
	}
	*n = at;
	return text;
}
