/* SPDX-License-Identifier: MIT
 *
 * fuzz_ini.c - any text gives items in rising lines, or one sentence
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "config/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ini_item item;
	unsigned line = 0;
	struct ini i;

	ini_init(&i, (const char *)data, size);
	while (ini_next(&i, &item)) {
		assert(item.line > line);
		line = item.line;
		assert(strlen(item.section) < INI_SECTION);
		assert(strlen(item.key) < INI_KEY);
		assert(strlen(item.value) < INI_VALUE);
	}
	assert(!i.error || strstr(i.error, "allowed "));
	return 0;
}
