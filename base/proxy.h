/* SPDX-License-Identifier: MIT
 *
 * proxy.h - CODEC: asking an HTTP proxy for a TCP connection (RFC 9110 section 9.3.6)
 *
 * A proxy is named by configuration or by the environment as other programs name it:
 * https_proxy or HTTPS_PROXY, and no_proxy or NO_PROXY for hosts that need none. The
 * one way to log in is Basic (RFC 7617). Text in, text out; no socket here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/http.h"

enum {
	PROXY_HOST = 256,
	PROXY_WORD = 128, /* of user and password each, with NUL */
	PROXY_EXCEPT = 512,
	PROXY_REQUEST = 1024, /* any request written here, with NUL */
};

struct proxy {
	char host[PROXY_HOST]; /* "": no proxy */
	uint16_t port;
	char user[PROXY_WORD], password[PROXY_WORD]; /* secret; user "": no login */
	char except[PROXY_EXCEPT]; /* as no_proxy: names, .suffixes, addresses, or * */
};

/**
 * proxy_parse() - "http://[USER:PASSWORD@]HOST[:PORT]", or without "http://"
 * @text: NUL-terminated, untrusted; port 3128 by default; %XX in user and password
 * @out:  Host, port, user, password; `except` is left as it is
 * Return: false: none of these forms; *out unchanged
 */
must_check bool proxy_parse(const char *text, struct proxy *out);

/* proxy_from_environment() - by a getenv() of the caller's; no proxy if it names none,
 * or one that does not parse */
void proxy_from_environment(const char *(*get)(const char *name),
			    struct proxy *out);

/* proxy_serves() - is this host reached by the proxy? false: no proxy, or excepted */
bool proxy_serves(const struct proxy *p, const char *host);

/* proxy_request() - the CONNECT; returns octets. Secret if there is a login */
size_t proxy_request(const struct proxy *p, const char *host, uint16_t port,
		     char out[static PROXY_REQUEST]);

/* proxy_judge() - the proxy's answer: NULL: connected; else one clause, of which
 * the proxy is "it" */
must_check const char *proxy_judge(const struct http_head *h);
