/* SPDX-License-Identifier: MIT
 *
 * node_conf_row.c - the table behind node_conf.h: a row per key, a kind per type
 */
#include "config/node_conf_row.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/scrape.h"
#include "config/node_conf.h"

static void *field(const struct node_conf_row *r, void *at)
{
	return (char *)at + r->offset;
}

static const void *field_of(const struct node_conf_row *r, const void *at)
{
	return (const char *)at + r->offset;
}

/* Text */

static bool path_set(const struct node_conf_row *r, void *at, const char *value,
		     char why[static VALUE_WHY])
{
	size_t n = strlen(value);

	if (n && n < r->room) {
		memcpy(field(r, at), value, n + 1);
		return true;
	}
	snprintf(why, VALUE_WHY, "%s path; allowed are 1 to %zu octets",
		 n ? "too long a" : "an empty", r->room - 1);
	return false;
}

static bool name_set(const struct node_conf_row *r, void *at, const char *value,
		     char why[static VALUE_WHY])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_.";
	size_t n = strlen(value);
	char q[48];

	if (n && n < r->room && strspn(value, letters) == n &&
	    strcmp(value, ".") && strcmp(value, "..")) {
		memcpy(field(r, at), value, n + 1);
		return true;
	}
	snprintf(why, VALUE_WHY, "'%s' is no name; allowed are 1 to %zu "
		 "letters, digits, '-', '_' and '.'", value_quote(value, q),
		 r->room - 1);
	return false;
}

static void text_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	const char *text = field_of(r, at);

	if (text[0])
		fprintf(f, "%s = %s\n", r->key, text);
}

/* is_domain() - labels of a-z, 0-9 and -, RFC 1123 s2.1; two at least, so that no name
 * of one label can be taken for it */
static bool is_domain(const char *text)
{
	unsigned labels = 0;

	do {
		size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

		if (n == 0 || n > 63 || text[0] == '-' || text[n - 1] == '-' ||
		    (text[n] && text[n] != '.'))
			return false;
		labels++;
		text += n;
	} while (*text++ == '.');
	return labels > 1;
}

static bool domain_set(const struct node_conf_row *r, void *at, const char *value,
		       char why[static VALUE_WHY])
{
	size_t n = strlen(value);
	char q[48];

	if (n < r->room && (!strcmp(value, "off") || is_domain(value))) {
		memcpy(field(r, at), value, n + 1);
		return true;
	}
	snprintf(why, VALUE_WHY, "'%s' is no domain; allowed are off, or two or "
		 "more labels of a-z, 0-9 and '-', %zu octets at most",
		 value_quote(value, q), r->room - 1);
	return false;
}

static const struct node_conf_kind path = { path_set, text_print, false };
static const struct node_conf_kind name = { name_set, text_print, false };
static const struct node_conf_kind domain = { domain_set, text_print, false };

static bool place_set(const struct node_conf_row *r, void *at, const char *value,
		      char why[static VALUE_WHY])
{
	char q[48];

	if (!strcasecmp(value, "off"))
		value = "";
	if (strlen(value) < r->room && (!*value || scrape_valid(value))) {
		strcpy(field(r, at), value);
		return true;
	}
	snprintf(why, VALUE_WHY, "'%s' is no place; allowed are off, "
		 "127.0.0.1:9100, [::1]:9100 or /run/adit/metrics.sock",
		 value_quote(value, q));
	return false;
}

static const struct node_conf_kind place = { place_set, text_print, false };

/* Numbers */

static bool off_or_number(const struct node_conf_row *r, const char *value,
			  uint64_t *v, char why[static VALUE_WHY])
{
	if (r->lo == 0 && !strcasecmp(value, "off")) {
		*v = 0;
		return true;
	}
	return value_number(value, r->lo, r->hi, v, why);
}

static bool u32_set(const struct node_conf_row *r, void *at, const char *value,
		    char why[static VALUE_WHY])
{
	uint64_t v;

	if (!off_or_number(r, value, &v, why))
		return false;
	*(uint32_t *)field(r, at) = (uint32_t)v;
	return true;
}

static void u32_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	fprintf(f, "%s = %u\n", r->key, *(const uint32_t *)field_of(r, at));
}

static bool u16_set(const struct node_conf_row *r, void *at, const char *value,
		    char why[static VALUE_WHY])
{
	uint64_t v;

	if (!off_or_number(r, value, &v, why))
		return false;
	*(uint16_t *)field(r, at) = (uint16_t)v;
	return true;
}

static void u16_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	fprintf(f, "%s = %u\n", r->key, *(const uint16_t *)field_of(r, at));
}

static const struct node_conf_kind u32 = { u32_set, u32_print, false };
static const struct node_conf_kind u16 = { u16_set, u16_print, false };

static bool auto_set(const struct node_conf_row *r, void *at, const char *value,
		     char why[static VALUE_WHY])
{
	char q[48];
	uint64_t v;

	if (!strcasecmp(value, "auto"))
		v = NODE_CONF_TCP_AUTO;
	else if (!off_or_number(r, value, &v, why)) {
		snprintf(why, VALUE_WHY, "%s is no port; allowed is auto, off, or "
			 "1 to 65535", value_quote(value, q));
		return false;
	}
	*(uint32_t *)field(r, at) = (uint32_t)v;
	return true;
}

static void auto_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	uint32_t v = *(const uint32_t *)field_of(r, at);

	if (v == NODE_CONF_TCP_AUTO)
		fprintf(f, "%s = auto\n", r->key);
	else
		fprintf(f, "%s = %u\n", r->key, v);
}

static const struct node_conf_kind port_or_auto = { auto_set, auto_print, false };

/* Switches */

static bool yes_no_set(const struct node_conf_row *r, void *at, const char *value,
		       char why[static VALUE_WHY])
{
	return value_bool(value, field(r, at), why);
}

static void yes_no_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	fprintf(f, "%s = %s\n", r->key,
		*(const bool *)field_of(r, at) ? "yes" : "no");
}

static const struct node_conf_kind yes_no = { yes_no_set, yes_no_print, false };

/* Log level */

static bool level_set(const struct node_conf_row *r, void *at, const char *value,
		      char why[static VALUE_WHY])
{
	char q[48];

	if (log_level_parse(value, field(r, at)))
		return true;
	snprintf(why, VALUE_WHY, "'%s' is no level; allowed is error, warn, "
		 "info or debug", value_quote(value, q));
	return false;
}

static void level_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	fprintf(f, "%s = %s\n", r->key,
		names[*(const enum log_level *)field_of(r, at)]);
}

static const struct node_conf_kind level = { level_set, level_print, false };

/* Keys */

static bool private_set(const struct node_conf_row *r, void *at,
			const char *value, char why[static VALUE_WHY])
{
	struct node_conf *c = at;

	if (!value_key_private(value, field(r, at), why))
		return false;
	c->have_private = true;
	return true;
}

static bool psk_set(const struct node_conf_row *r, void *at, const char *value,
		    char why[static VALUE_WHY])
{
	return value_key_psk(value, field(r, at), why);
}

static void hidden_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	static const uint8_t none[KEY_OCTETS];

	if (!secret_eq(field_of(r, at), none, sizeof(none)))
		fprintf(f, "# %s is set (hidden)\n", r->key);
}

static bool public_set(const struct node_conf_row *r, void *at,
		       const char *value, char why[static VALUE_WHY])
{
	struct key_public k;

	if (!value_key_public(value, &k, why))
		return false;
	if (key_public_is_zero(&k)) {
		snprintf(why, VALUE_WHY, "the key is all zero; allowed is what "
			 "wg pubkey prints");
		return false;
	}
	memcpy(field(r, at), &k, sizeof(k));
	return true;
}

static void public_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	char buf[KEY_TEXT];

	fprintf(f, "%s = %s\n", r->key, key_public_text(field_of(r, at), buf));
}

static const struct node_conf_kind private_key = { private_set, hidden_print,
						   true };
static const struct node_conf_kind psk = { psk_set, hidden_print, true };
static const struct node_conf_kind public_key = { public_set, public_print,
						  false };

/* Proxies */

static bool proxy_set(const struct node_conf_row *r, void *at, const char *value,
		      char why[static VALUE_WHY])
{
	struct node_conf *c = at;
	struct proxy p = { 0 };

	if (strcasecmp(value, "none") &&
	    (!proxy_parse(value, &p) || p.user[0])) {
		snprintf(why, VALUE_WHY, "it names no HTTP proxy; allowed is "
			 "http://HOST:PORT, the login in ProxyUser and "
			 "ProxyPassword, or none");
		return false;
	}
	memcpy(c->proxy.host, p.host, sizeof(p.host));
	c->proxy.port = p.port;
	c->have_proxy = true;
	return true;
}

static void proxy_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	const struct node_conf *c = at;

	if (c->have_proxy && c->proxy.host[0])
		fprintf(f, strchr(c->proxy.host, ':') ?
				   "%s = http://[%s]:%u\n" : "%s = http://%s:%u\n",
			r->key, c->proxy.host, c->proxy.port);
	else if (c->have_proxy)
		fprintf(f, "%s = none\n", r->key);
}

static bool word_set(const struct node_conf_row *r, void *at, const char *value,
		     char why[static VALUE_WHY])
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			n = r->room;
	if (n < r->room) {
		memcpy(field(r, at), value, n + 1);
		return true;
	}
	snprintf(why, VALUE_WHY, "too long, or with control characters; allowed "
		 "are up to %zu octets", r->room - 1);
	return false;
}

static void word_hidden_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	const char *text = field_of(r, at);

	if (text[0])
		fprintf(f, "# %s is set (hidden)\n", r->key);
}

static const struct node_conf_kind proxy = { proxy_set, proxy_print, false };
static const struct node_conf_kind plain = { word_set, text_print, false };
static const struct node_conf_kind hidden = { word_set, word_hidden_print,
						   true };

/* Places */

static bool endpoint_set(const struct node_conf_row *r, void *at,
			 const char *value, char why[static VALUE_WHY])
{
	return value_endpoint(value, field(r, at), why);
}

static void endpoint_print(const struct node_conf_row *r, const void *at,
			   FILE *f)
{
	const struct endpoint *e = field_of(r, at);
	char buf[ADDR_TEXT];

	if (!endpoint_is_zero(e))
		fprintf(f, "%s = %s\n", r->key, endpoint_text(e, buf));
}

static bool allowed_set(const struct node_conf_row *r, void *at,
			const char *value, char why[static VALUE_WHY])
{
	struct node_conf_peer *p = at;
	struct prefix list[NODE_CONF_ALLOWED_MAX], *grown;
	unsigned count = p->allowed_count;

	if (count)
		memcpy(list, p->allowed, count * sizeof(*list));
	if (!value_prefixes(value, list, NODE_CONF_ALLOWED_MAX, &count, why))
		return false;
	if (!count)
		return true;
	grown = realloc(p->allowed, count * sizeof(*list));
	if (!grown) {
		snprintf(why, VALUE_WHY, "out of memory");
		return false;
	}
	memcpy(grown, list, count * sizeof(*list));
	p->allowed = grown;
	p->allowed_count = count;
	return true;
}

static void allowed_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	const struct node_conf_peer *p = at;
	char buf[ADDR_TEXT];

	for (unsigned i = 0; i < p->allowed_count; i++)
		fprintf(f, "%s = %s\n", r->key,
			prefix_text(&p->allowed[i], buf));
}

/* add_address() - one word of the list */
static bool add_address(struct node_conf *c, const char *word,
			char why[static VALUE_WHY])
{
	if (c->address_count == NODE_CONF_ADDRESSES_MAX) {
		snprintf(why, VALUE_WHY, "too many addresses; allowed are %d",
			 NODE_CONF_ADDRESSES_MAX);
		return false;
	}
	if (!value_address(word, &c->address_ips[c->address_count],
			   &c->addresses[c->address_count], why))
		return false;
	c->address_count++;
	return true;
}

static bool address_set(const struct node_conf_row *r, void *at,
			const char *value, char why[static VALUE_WHY])
{
	struct node_conf *c = at;
	unsigned before = c->address_count;
	char list[512], *rest = list, *word;

	if (strlen(value) >= sizeof(list)) {
		snprintf(why, VALUE_WHY, "too many addresses; allowed are %d",
			 NODE_CONF_ADDRESSES_MAX);
		return false;
	}
	strcpy(list, value);
	while ((word = strtok_r(rest, ", \t", &rest)))
		if (!add_address(c, word, why)) {
			c->address_count = before;
			return false;
		}
	return true;
}

static void address_print(const struct node_conf_row *r, const void *at, FILE *f)
{
	const struct node_conf *c = at;
	char buf[ADDR_TEXT];

	for (unsigned i = 0; i < c->address_count; i++)
		fprintf(f, "%s = %s/%u\n", r->key,
			ipaddr_text(&c->address_ips[i], buf),
			prefix_family_bits(&c->addresses[i]));
}

static const struct node_conf_kind at_endpoint = { endpoint_set, endpoint_print,
						   false };
static const struct node_conf_kind allowed = { allowed_set, allowed_print,
					       false };
static const struct node_conf_kind address = { address_set, address_print,
					       false };

#define MINE(m)	 offsetof(struct node_conf, m), sizeof(((struct node_conf *)0)->m)
#define PEERS(m) \
	offsetof(struct node_conf_peer, m), sizeof(((struct node_conf_peer *)0)->m)

const struct node_conf_row node_conf_rows[] = {
	{ "Node", false, "State", &path, MINE(state), 0, 0,
	  "Folder of keys, netmap and port; made 0700 if missing. Flag *--state*. "
	  "Default /var/lib/adit." },
	{ "Node", false, "Socket", &path, MINE(socket), 0, 0,
	  "Control socket that *adit*(1) asks. Flag *--socket*. Default "
	  "/run/adit/adit.sock." },
	{ "Node", false, "Tun", &name, MINE(tun), 0, 0,
	  "Name of the network interface. Flag *--tun*. Default adit0." },
	{ "Node", false, "Domain", &domain, MINE(domain), 0, 0,
	  "Domain of the nodes' names, two labels or more of a-z, 0-9 and -; off: this "
	  "machine's resolver is left alone. Default adit.internal." },
	{ "Node", false, "LogLevel", &level, MINE(log_level), 0, 0,
	  "error, warn, info or debug. Flag *--log-level*. Default info." },
	{ "Node", false, "Metrics", &place, MINE(metrics), 0, 0,
	  "Where figures for Prometheus are offered: ADDRESS:PORT, or the path of a unix "
	  "socket. off is the default." },
	{ "Node", false, "Workers", &u32, MINE(workers), 0, 64,
	  "Packet threads, 0 to 64. Default 0: as many as pay on this machine." },
	{ "Node", false, "PortMapping", &yes_no, MINE(port_mapping), 0, 0,
	  "yes or no: ask the router, by PCP, NAT-PMP or UPnP, to forward our port, so "
	  "that peers behind hard NATs reach this machine directly. Default yes." },
	{ "Node", false, "RotateKey", &u16, MINE(rotate_days), 0, 3650,
	  "Days until the tunnel key is replaced by itself, 1 to 3650; off or 0: never. A "
	  "machine with stock WireGuard peers keeps its key. Default 30." },
	{ "Node", false, "LanHello", &yes_no, MINE(lan_hello), 0, 0,
	  "yes or no: while traffic for a peer has no direct path, look for it on the "
	  "local networks by multicast, UDP port 21759, so that peers of one LAN meet "
	  "with every server down. Others there see that adit runs, but no name and no "
	  "key. Default yes." },
	{ "Node", false, "Aead", &name, MINE(aead), 0, 0,
	  "Force one implementation of packet encryption by its name. Default: the "
	  "fastest that this CPU can run." },
	{ "Node", false, "Proxy", &proxy, MINE(proxy), 0, 0,
	  "HTTP proxy that leads out, http://HOST:PORT, for connections to the "
	  "coordination server and to relays over TLS; none: connect directly. "
	  "Default: what the environment says in https_proxy, with no_proxy." },
	{ "Node", false, "ProxyUser", &plain, MINE(proxy.user), 0, 0,
	  "User, where the proxy asks for one (Basic). Default: none." },
	{ "Node", false, "ProxyPassword", &hidden, MINE(proxy.password), 0, 0,
	  "The user's password; the file must then have mode 0600." },
	{ "Node", false, "NoProxy", &plain, MINE(proxy.except), 0, 0,
	  "Hosts that need no proxy, separated by commas: names, which mean their "
	  "subdomains too, addresses, prefixes, or \\*. Default: none." },
	{ "Interface", false, "ListenPort", &u16, MINE(port), 0, 65535,
	  "UDP port. Flag *--port*. Default 0: one of 20000 to 31999, chosen once "
	  "and kept in State." },
	{ "Interface", false, "MTU", &u32, MINE(mtu), 1280, 9000,
	  "Octets of the largest inner packet, 1280 to 9000. Default 1400." },
	{ "Interface", false, "FwMark", &u32, MINE(mark), 0, UINT32_MAX,
	  "Firewall mark of the outer packets, decimal or 0x hexadecimal; off or 0: "
	  "0xad17, by which an exit node leaves our own packets out." },
	{ "Node", false, "PortScan", &u32, MINE(port_scan), 0, 1,
	  "Where one side's NAT gives each destination another port, the other side "
	  "may search for it: at most 100 small packets a second and 1200 in an "
	  "attempt, only to an address at which our own server saw that peer. off or "
	  "0: neither search nor be searched for. Default 1." },
	{ "Node", false, "IKEPort", &u32, MINE(ike_port), 0, 1,
	  "Behind a NAT that gives each destination another port, see whether it leaves "
	  "UDP port 500 as it is, as many do for IPsec, and move there if so. off or 0: "
	  "never. Default 1; nothing is tried where another program has the port." },
	{ "Node", false, "TCPPort", &port_or_auto, MINE(tcp_port), 0, 65535,
	  "TCP port for peers that get no UDP through, which then need no relay: auto, "
	  "off, or a number, for example of a port that the router forwards to this "
	  "machine. auto, the default, listens on the number of the UDP port, and only "
	  "while this machine has a public address of its own." },
	{ "Node", false, "RelayPort", &u16, MINE(relay_port), 0, 65534,
	  "UDP port at which this machine relays for other nodes, where it may (*adit "
	  "set relay*) and can. Default 0: the one behind ListenPort." },
	{ "Node", false, "RelayRate", &u32, MINE(relay_rate), 0, 1000000,
	  "Mbit/s that are relayed for other nodes at most; off or 0: any. Default "
	  "100." },
	{ "Node", false, "RelayDaily", &u32, MINE(relay_daily), 0, 1000000,
	  "Gigabytes that are relayed for other nodes in a day (UTC) at most; off or 0: "
	  "any. Default 20." },
	{ "Interface", false, "PrivateKey", &private_key, MINE(private_key), 0, 0,
	  "Tunnel key, as wg genkey prints it; the file must then have mode 0600. "
	  "Default: one made at the first start and kept in State." },
	{ "Interface", false, "Address", &address, MINE(addresses), 0, 0,
	  "Addresses of this machine with the length of their network, separated by "
	  "commas, up to 4, such as 10.0.0.1/24. Needed only without a coordination "
	  "server. May be given more than once." },
	{ "Peer", true, "PublicKey", &public_key, PEERS(key), 0, 0,
	  "The peer's key, as wg pubkey prints it. Needed." },
	{ "Peer", true, "PresharedKey", &psk, PEERS(psk), 0, 0,
	  "A second secret that both ends know, as wg genpsk prints it; the file "
	  "must then have mode 0600. Default: none." },
	{ "Peer", true, "Endpoint", &at_endpoint, PEERS(at), 0, 0,
	  "Where the peer is: ADDRESS:PORT, an IPv6 address in brackets. Default: "
	  "wherever it calls from." },
	{ "Peer", true, "AllowedIPs", &allowed, PEERS(allowed), 0, 0,
	  "Prefixes that are routed to this peer and accepted from it, separated by "
	  "commas, up to 64. May be given more than once." },
	{ "Peer", true, "PersistentKeepalive", &u16, PEERS(keepalive_s), 0, 65535,
	  "Seconds between keepalives, 1 to 65535; off or 0: none, the default." },
};

const size_t node_conf_row_count = ARRAY_SIZE(node_conf_rows);
