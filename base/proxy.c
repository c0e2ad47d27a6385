/* SPDX-License-Identifier: MIT
 *
 * proxy.c - asking an HTTP proxy for a TCP connection
 */
#include "base/proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/base64.h"

enum {
	PORT_DEFAULT = 3128,
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* read_word() - n characters with %XX; control characters are refused */
static bool read_word(const char *p, size_t n, char out[static PROXY_WORD])
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)p[i];

		if (c == '%') {
			if (n - i < 3 || hex(p[i + 1]) < 0 || hex(p[i + 2]) < 0)
				return false;
			c = hex(p[i + 1]) * 16 + hex(p[i + 2]);
			i += 2;
		}
		if (c < ' ' || c == 0x7f || used == PROXY_WORD - 1)
			return false;
		out[used++] = (char)c;
	}
	out[used] = 0;
	return true;
}

static bool read_login(const char *p, size_t n, struct proxy *out)
{
	const char *colon = memchr(p, ':', n);
	size_t user = colon ? (size_t)(colon - p) : n;

	/* RFC 7617 section 2: no colon in the user */
	if (!read_word(p, user, out->user) || strchr(out->user, ':'))
		return false;
	return !colon || read_word(colon + 1, n - user - 1, out->password);
}

static bool read_port(const char *p, uint16_t *out)
{
	char *end;
	unsigned long v = strtoul(p, &end, 10);

	if (*p < '0' || *p > '9' || *end || !v || v > UINT16_MAX)
		return false;
	*out = (uint16_t)v;
	return true;
}

/* read_place() - HOST, HOST:PORT, [IPV6] or [IPV6]:PORT */
static bool read_place(const char *p, size_t n, struct proxy *out)
{
	char text[PROXY_HOST + 8], *colon;
	size_t host = n;

	if (!n || n >= sizeof(text) || strspn(p, "!$%&'()*+,/;=?@ \t\r\n"))
		return false;
	memcpy(text, p, n);
	text[n] = 0;
	colon = text[0] == '[' ? strstr(text, "]:") : strrchr(text, ':');
	if (colon && text[0] == '[')
		colon++;
	if (colon) {
		host = (size_t)(colon - text);
		if (!read_port(colon + 1, &out->port))
			return false;
	}
	if (text[0] == '[') {
		if (host < 3 || text[host - 1] != ']')
			return false;
		memmove(text, text + 1, host - 2);
		host -= 2;
	}
	text[host] = 0;
	if (!host || host >= sizeof(out->host) || strcspn(text, " \t/@?#") != host)
		return false;
	memcpy(out->host, text, host + 1);
	return true;
}

bool proxy_parse(const char *text, struct proxy *out)
{
	struct proxy p = { .port = PORT_DEFAULT };
	const char *scheme = strstr(text, "://"), *at;
	size_t n;

	if (scheme && strncasecmp(text, "http://", 7))
		return false;
	if (scheme)
		text = scheme + 3;
	n = strlen(text);
	if (n && text[n - 1] == '/')
		n--;
	at = memrchr(text, '@', n);
	if (at && !read_login(text, (size_t)(at - text), &p))
		return false;
	if (at) {
		n -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	if (!read_place(text, n, &p))
		return false;
	memcpy(p.except, out->except, sizeof(p.except));
	*out = p;
	return true;
}

static const char *first_of(const char *(*get)(const char *), const char *a,
			    const char *b)
{
	const char *v = get(a);

	return v && *v ? v : get(b);
}

void proxy_from_environment(const char *(*get)(const char *name), struct proxy *out)
{
	const char *url = first_of(get, "https_proxy", "HTTPS_PROXY");
	const char *except = first_of(get, "no_proxy", "NO_PROXY");

	*out = (struct proxy){ 0 };
	if (except)
		snprintf(out->except, sizeof(out->except), "%s", except);
	if (url && !proxy_parse(url, out))
		out->host[0] = 0;
}

/* excepts() - does one entry of the list, n characters, name the host? */
static bool excepts(const char *e, size_t n, const char *host)
{
	size_t host_n = strlen(host);
	char text[64];
	struct prefix p;
	struct ipaddr ip;

	if (n == 1 && *e == '*')
		return true;
	if (n && n < sizeof(text) && ipaddr_parse(host, &ip)) {
		memcpy(text, e, n);
		text[n] = 0;
		if (strchr(text, '/') && prefix_parse(text, &p))
			return prefix_contains(&p, &ip);
	}
	while (n && *e == '.') {
		e++;
		n--;
	}
	if (!n || n > host_n || strncasecmp(host + host_n - n, e, n))
		return false;
	return n == host_n || host[host_n - n - 1] == '.';
}

bool proxy_serves(const struct proxy *p, const char *host)
{
	const char *e = p->except;

	if (!p->host[0])
		return false;
	while (*e) {
		size_t n = strcspn(e, ", ");

		if (n && excepts(e, n, host))
			return false;
		e += n;
		e += strspn(e, ", ");
	}
	return true;
}

static size_t write_login(const struct proxy *p, char *out, size_t room)
{
	char plain[2 * PROXY_WORD], text[BASE64_ROOM(2 * PROXY_WORD)];
	int n;

	if (!p->user[0])
		return (size_t)snprintf(out, room, "\r\n");
	n = snprintf(plain, sizeof(plain), "%s:%s", p->user, p->password);
	base64_write(plain, (size_t)n, text);
	n = snprintf(out, room, "Proxy-Authorization: Basic %s\r\n\r\n", text);
	explicit_bzero(plain, sizeof(plain));
	explicit_bzero(text, sizeof(text));
	return (size_t)n;
}

size_t proxy_request(const struct proxy *p, const char *host, uint16_t port,
		     char out[static PROXY_REQUEST])
{
	bool v6 = strchr(host, ':');
	char place[PROXY_HOST + 16];
	size_t n;

	snprintf(place, sizeof(place), "%s%.255s%s:%u", v6 ? "[" : "", host,
		 v6 ? "]" : "", port);
	n = (size_t)snprintf(out, PROXY_REQUEST,
			     "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", place,
			     strlen(place) < 256 ? place : "proxied");
	return n + write_login(p, out + n, PROXY_REQUEST - n);
}

const char *proxy_judge(const struct http_head *h)
{
	if (!h->response)
		return "it does not answer in HTTP: is it an HTTP proxy?";
	if (h->status / 100 == 2)
		return NULL;
	switch (h->status) {
	case 401: /* by some, to a wrong password */
	case 407:
		return "it wants a user and password (407), or refuses the "
		       "ones it got: correct ProxyUser and ProxyPassword";
	case 403:
	case 405:
		return "it forbids this connection (403): have its operator "
		       "allow CONNECT to the server's host and port";
	case 500:
	case 502:
	case 503:
	case 504:
		return "it cannot reach the server (5xx): check the server's "
		       "host and port, and the proxy's own connection";
	}
	return "it refuses the connection with a status that it did not "
	       "explain: ask its operator about CONNECT";
}
