/* SPDX-License-Identifier: MIT
 *
 * ssdp.c - finding a UPnP gateway: the search and its answers
 */
#include "traversal/ssdp.h"

#include <stdio.h>
#include <string.h>

#include "base/http.h"

enum {
	WAIT_S = 1, /* MX: how long devices may spread their answers */
	OK = 200,
};

size_t ssdp_write(const struct endpoint *to, unsigned version,
		  char out[static SSDP_SEARCH_MAX])
{
	char host[ADDR_TEXT];
	int n = snprintf(out, SSDP_SEARCH_MAX,
			 "M-SEARCH * HTTP/1.1\r\n"
			 "HOST: %s\r\n"
			 "MAN: \"ssdp:discover\"\r\n"
			 "MX: %d\r\n"
			 "ST: urn:schemas-upnp-org:device:"
			 "InternetGatewayDevice:%u\r\n\r\n",
			 endpoint_text(to, host), WAIT_S, version);

	return n > 0 && n < SSDP_SEARCH_MAX ? (size_t)n : 0;
}

/* is_plain() - a URL of nothing that could mean something else to a lenient parser */
static bool is_plain(const char *url)
{
	for (; *url; url++)
		if (*url <= ' ' || *url > '~' || *url == '@' || *url == '\\')
			return false;
	return true;
}

static bool may_be(const struct ipaddr *ip, const struct ipaddr *gateway)
{
	if (ipaddr_is_v4(gateway))
		return ipaddr_eq(ip, gateway);
	return !ipaddr_is_v4(ip);
}

static bool is_at(const char *url, const struct ipaddr *gateway)
{
	char host[ADDR_TEXT];
	struct endpoint e;
	size_t n;

	if (strncmp(url, "http://", 7) || !is_plain(url))
		return false;
	url += 7;
	n = strcspn(url, "/?#");
	if (n >= sizeof(host) || url[n] != '/')
		return false;
	memcpy(host, url, n);
	host[n] = 0;
	if (ipaddr_parse(host, &e.ip)) /* port 80 by default */
		return may_be(&e.ip, gateway);
	return endpoint_parse(host, &e) && may_be(&e.ip, gateway);
}

bool ssdp_parse(const uint8_t *m, size_t n, const struct ipaddr *gateway,
		char *location)
{
	char url[SSDP_LOCATION_MAX];
	struct http_head head;
	struct slice s;

	if (n > SSDP_ANSWER_MAX || http_head_parse(m, n, &head) <= 0 ||
	    !head.response || head.status != OK)
		return false;
	s = http_field(&head, "location");
	if (!s.p || !s.n || s.n >= sizeof(url))
		return false;
	memcpy(url, s.p, s.n);
	url[s.n] = 0;
	if (memchr(url, 0, s.n) || !is_at(url, gateway))
		return false;
	memcpy(location, url, s.n + 1);
	return true;
}
