/* SPDX-License-Identifier: MIT
 *
 * fuzz_disco.c - opened discovery messages: what is read is written back and read alike
 */
#include <stdlib.h>
#include <string.h>

#include "traversal/disco.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first[DISCO_MAX], second[DISCO_MAX];
	struct disco_message m, again;
	size_t n;

	if (disco_read(data, size, &m) != DROP_NONE)
		return 0;
	n = disco_write(&m, first);
	if (disco_read(first, n, &again) != DROP_NONE)
		abort();
	if (disco_write(&again, second) != n || memcmp(first, second, n) != 0)
		abort();
	return 0;
}
