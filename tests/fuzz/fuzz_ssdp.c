/* SPDX-License-Identifier: MIT
 *
 * fuzz_ssdp.c - answers to a search: whatever is taken leads to the gateway
 */
#include <stdlib.h>
#include <string.h>

#include "traversal/ssdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipaddr gateway = ipaddr_v4(0x0a000001);
	char location[SSDP_LOCATION_MAX];

	if (!ssdp_parse(data, size, &gateway, location))
		return 0;
	if (strlen(location) >= sizeof(location) ||
	    strncmp(location, "http://", 7) || strchr(location, '@'))
		abort();
	return 0;
}
