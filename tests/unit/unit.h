/* SPDX-License-Identifier: MIT
 *
 * unit.h - cmocka with its prerequisites, and what every unit test needs
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* unit_hex() - octets of a hex string into out; returns their number */
static inline size_t unit_hex(const char *hex, uint8_t *out, size_t room)
{
	size_t n = 0;
	unsigned hi = 16;

	for (; *hex; hex++) {
		unsigned v;

		if (*hex >= '0' && *hex <= '9')
			v = (unsigned)(*hex - '0');
		else if ((*hex | 32) >= 'a' && (*hex | 32) <= 'f')
			v = (unsigned)((*hex | 32) - 'a' + 10);
		else
			continue;
		if (hi == 16) {
			hi = v;
			continue;
		}
		assert_true(n < room);
		out[n++] = (uint8_t)(hi << 4 | v);
		hi = 16;
	}
	return n;
}
