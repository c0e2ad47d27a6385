/* SPDX-License-Identifier: MIT
 *
 * expiry.c - when a membership ends by itself, and how it is renewed
 */
#include "coord/expiry.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_S UINT64_C(3600)

bool expiry_parse(const char *text, uint64_t *out)
{
	static const struct { char unit; uint64_t s; } units[] = {
		{ 'h', HOUR_S }, { 'd', 24 * HOUR_S }, { 'w', 7 * 24 * HOUR_S },
	};
	char *end;
	unsigned long v;

	if (!strcmp(text, "off")) {
		*out = 0;
		return true;
	}
	v = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || !v || v > 100000 || !*end || end[1])
		return false;
	for (unsigned i = 0; i < ARRAY_SIZE(units); i++) {
		uint64_t s = v * units[i].s;

		if (*end != units[i].unit)
			continue;
		if (s < EXPIRY_LEAST_S || s > EXPIRY_MOST_S)
			return false;
		*out = s;
		return true;
	}
	return false;
}

uint64_t expiry_next(uint64_t expires_s, uint64_t period_s, bool contact,
		     uint64_t now_s)
{
	uint64_t whole = now_s + period_s;

	if (!period_s)
		return 0;
	if (!expires_s || expires_s > whole)
		return whole;
	if (!contact)
		return expires_s;
	return expires_s + period_s / 16 < whole ? whole : expires_s;
}

uint64_t expiry_shift(uint64_t expires_s, uint64_t alive_s, uint64_t now_s)
{
	if (!alive_s || now_s <= alive_s || expires_s <= alive_s)
		return expires_s;
	return expires_s + (now_s - alive_s);
}
