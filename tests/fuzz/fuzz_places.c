/* SPDX-License-Identifier: MIT
 *
 * fuzz_places.c - whatever file is read, what is kept of it can be written and read again
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct places p, again;
	char *text;

	if (n > PLACES_OCTETS || !places_read((const char *)data, n, &p))
		return 0;
	text = places_text(&p);
	if (!text || !places_read(text, strlen(text), &again) || again.count != p.count)
		abort();
	for (unsigned i = 0; i < p.count; i++)
		if (memcmp(&p.list[i].nat, &again.list[i].nat, sizeof(p.list[i].nat)) != 0 ||
		    !places_find(&again, p.list[i].router, &p.list[i].subnet))
			abort();
	free(text);
	return 0;
}
