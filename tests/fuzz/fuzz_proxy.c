/* SPDX-License-Identifier: MIT
 *
 * fuzz_proxy.c - a proxy's name from the environment, and the request made of it
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[1024], out[PROXY_REQUEST];
	struct proxy p = { 0 };

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	snprintf(p.except, sizeof(p.except), "%.500s", text);
	if (!proxy_parse(text, &p))
		return 0;
	(void)proxy_serves(&p, "vpn.example");
	if (proxy_request(&p, p.host, p.port, out) != strlen(out))
		abort();
	return 0;
}
