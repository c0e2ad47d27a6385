/* SPDX-License-Identifier: MIT
 *
 * base64.c - RFC 4648 base64 and base64url
 *
 * Decoding is strict (s3.5): one text for each sequence of octets, so that a text
 * with one character changed can never mean the same.
 */
#include "base/base64.h"

static const char standard[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode(const uint8_t *p, size_t n, char *out, const char *digits,
		     bool pad)
{
	char *o = out;
	uint32_t v;

	for (; n >= 3; n -= 3, p += 3) {
		v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = digits[v >> 6 & 63];
		*o++ = digits[v & 63];
	}
	if (n) {
		v = (uint32_t)p[0] << 16 | (n == 2 ? (uint32_t)p[1] << 8 : 0);
		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		if (n == 2)
			*o++ = digits[v >> 6 & 63];
		for (; pad && n < 3; n++)
			*o++ = '=';
	}
	*o = 0;
	return (size_t)(o - out);
}

size_t base64_write(const void *p, size_t n, char *out)
{
	return encode(p, n, out, standard, true);
}

size_t base64url_write(const void *p, size_t n, char *out)
{
	return encode(p, n, out, url, false);
}

static int digit_value(char c, const char *digits)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == digits[62])
		return 62;
	return c == digits[63] ? 63 : -1;
}

static bool decode(const char *p, size_t n, uint8_t *out, size_t room,
		   size_t *got, const char *digits)
{
	uint32_t v = 0;
	unsigned bits = 0;
	size_t o = 0;

	for (size_t i = 0; i < n; i++) {
		int d = digit_value(p[i], digits);

		if (d < 0)
			return false;
		v = (v << 6 | (uint32_t)d) & 0xffff;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		if (o == room)
			return false;
		out[o++] = (uint8_t)(v >> bits);
	}
	if (bits >= 6 || (v & ((1u << bits) - 1)))
		return false;
	*got = o;
	return true;
}

bool base64_read(const char *p, size_t n, void *out, size_t room, size_t *got)
{
	if (n >= 4 && n % 4 == 0 && p[n - 1] == '=')
		n -= p[n - 2] == '=' ? 2 : 1;
	return decode(p, n, out, room, got, standard);
}

bool base64url_read(const char *p, size_t n, void *out, size_t room,
		    size_t *got)
{
	return decode(p, n, out, room, got, url);
}
