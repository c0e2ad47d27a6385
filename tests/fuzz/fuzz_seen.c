/* SPDX-License-Identifier: MIT
 *
 * fuzz_seen.c - a server's answer: what is read is what was written
 */
#include <stdlib.h>
#include <string.h>

#include "relay/seen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[SEEN_OCTETS];
	struct endpoint e;

	if (!seen_read(data, size, &e))
		return 0;
	seen_write(&e, again);
	if (memcmp(again, data, SEEN_OCTETS) != 0)
		abort();
	return 0;
}
