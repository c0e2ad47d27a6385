/* SPDX-License-Identifier: MIT
 *
 * upgrade.c - from HTTP to WebSocket, RFC 6455 section 4
 */
#include "base/upgrade.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/tls.h"

size_t upgrade_request(const char *host, uint16_t port, const char *path,
		       const uint8_t nonce[static UPGRADE_NONCE],
		       char out[static UPGRADE_ROOM])
{
	bool v6 = strchr(host, ':') != NULL;
	char key[BASE64_ROOM(UPGRADE_NONCE)];
	int n;

	base64_write(nonce, UPGRADE_NONCE, key);
	n = snprintf(out, UPGRADE_ROOM,
		     "GET %.63s HTTP/1.1\r\nHost: %s%.255s%s:%u\r\n"
		     "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		     "Sec-WebSocket-Key: %s\r\n"
		     "Sec-WebSocket-Version: 13\r\n\r\n",
		     path, v6 ? "[" : "", host, v6 ? "]" : "", port, key);
	return (size_t)n;
}

static bool is_upgrade(const struct http_head *h)
{
	struct slice version = http_field(h, "Sec-WebSocket-Version");
	struct slice key = http_field(h, "Sec-WebSocket-Key");

	return http_is(h->method, "GET") && key.p && key.n == 24 && version.p &&
	       http_is(version, "13") &&
	       http_field_lists(h, "Upgrade", "websocket") &&
	       http_field_lists(h, "Connection", "upgrade");
}

const char *upgrade_judge_request(const struct http_head *h, const char *path,
				  char out[static UPGRADE_ROOM])
{
	struct slice key = http_field(h, "Sec-WebSocket-Key");
	char accept[TLS_ACCEPT_TEXT];

	if (h->response || !http_is(h->target, path))
		return "404 Not Found";
	if (!is_upgrade(h) || !tls_websocket_accept(key.p, key.n, accept))
		return "426 Upgrade Required\r\nUpgrade: websocket";
	snprintf(out, UPGRADE_ROOM,
		 "HTTP/1.1 101 Switching Protocols\r\n"
		 "Upgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
	return NULL;
}

/* refusal() - what a status other than 101 means to the user */
static const char *refusal(unsigned status)
{
	if (status / 100 == 3 || status == 200 || status == 511)
		return "a web page answers in place of the server: is this "
		       "network asking for a login? Open a browser and sign in";
	switch (status) {
	case 401:
	case 403:
	case 407:
	case 451:
		return "something on the way forbids it (403 or the like): ask "
		       "who runs this network, or the web server in front";
	case 500:
	case 502:
	case 503:
	case 504:
		return "a web server in front answers, but does not reach the "
		       "server behind it (5xx): check that one, and its address";
	}
	return "the server speaks HTTP but no WebSocket there: check the URL";
}

const char *upgrade_judge_response(const struct http_head *h,
				   const uint8_t nonce[static UPGRADE_NONCE])
{
	struct slice accept = http_field(h, "Sec-WebSocket-Accept");
	char expected[TLS_ACCEPT_TEXT], key[BASE64_ROOM(UPGRADE_NONCE)];

	if (!h->response || h->status != 101)
		return refusal(h->response ? h->status : 0);
	base64_write(nonce, UPGRADE_NONCE, key);
	if (!tls_websocket_accept(key, strlen(key), expected) || !accept.p ||
	    !http_is(accept, expected) ||
	    !http_field_lists(h, "Upgrade", "websocket"))
		return "the answer is not that of a WebSocket server";
	return NULL;
}
