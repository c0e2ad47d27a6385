/* SPDX-License-Identifier: MIT
 *
 * invite.c - the one line that joins a node
 *
 * Octets under the base64url: version 1, server key (32), secret (16), length of the
 * URL (1), URL, checksum (4: the first of BLAKE2s-256 over everything before it, for typing
 * errors; the secret is what protects).
 */
#include "coord/invite.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/cursor.h"
#include "base/url.h"
#include "crypto/blake2s.h"

enum {
	VERSION = 1,
	CHECKSUM = 4,
	PREFIX = 6,
	BINARY_MAX = 1 + KEY_OCTETS + INVITE_SECRET_OCTETS + 1 + INVITE_URL + CHECKSUM,
};

static const char prefix[] = "adit1:";

static void checksum(const uint8_t *p, size_t n, uint8_t out[static CHECKSUM])
{
	uint8_t digest[BLAKE2S_OCTETS];

	blake2s_hash(digest, p, n);
	memcpy(out, digest, CHECKSUM);
}

void invite_text(const struct invite *i, char out[static INVITE_TEXT])
{
	uint8_t binary[BINARY_MAX], sum[CHECKSUM];
	struct writer w = writer_of(binary, sizeof(binary));
	size_t url_n = strnlen(i->url, INVITE_URL - 1);

	writer_u8(&w, VERSION);
	writer_put(&w, i->server.b, KEY_OCTETS);
	writer_put(&w, i->secret, INVITE_SECRET_OCTETS);
	writer_u8(&w, (uint8_t)url_n);
	writer_put(&w, i->url, url_n);
	checksum(binary, writer_len(&w), sum);
	writer_put(&w, sum, sizeof(sum));
	memcpy(out, prefix, PREFIX);
	base64url_write(binary, writer_len(&w), out + PREFIX);
	secret_wipe(binary, sizeof(binary));
}

static bool read_binary(const uint8_t *p, size_t n, struct invite *out)
{
	struct reader r = reader_of(p, n);
	const uint8_t *url;
	uint8_t url_n;

	reader_u8(&r);
	reader_copy(&r, out->server.b, KEY_OCTETS);
	reader_copy(&r, out->secret, INVITE_SECRET_OCTETS);
	url_n = reader_u8(&r);
	url = reader_take(&r, url_n);
	if (!url || reader_left(&r) != CHECKSUM || memchr(url, 0, url_n))
		return false;
	memcpy(out->url, url, url_n);
	return true;
}

static const char *judge(const uint8_t *p, size_t n, struct invite *out)
{
	uint8_t sum[CHECKSUM];
	char host[URL_HOST];
	uint16_t port;

	if (n <= CHECKSUM)
		return "the invite is cut short; copy the whole line that "
		       "adit-coord invite printed";
	checksum(p, n - CHECKSUM, sum);
	if (memcmp(sum, p + n - CHECKSUM, CHECKSUM) != 0)
		return "the invite has a typing error or is cut short; copy the "
		       "whole line that adit-coord invite printed";
	if (p[0] != VERSION)
		return "the invite is of a newer version; update adit on this "
		       "machine";
	if (!read_binary(p, n, out) || !url_parse(out->url, host, &port))
		return "the invite names no usable server; have a new one made "
		       "with adit-coord --url https://HOST invite";
	return NULL;
}

const char *invite_parse(const char *text, struct invite *out)
{
	uint8_t binary[BINARY_MAX];
	struct invite i = { 0 };
	const char *why = NULL;
	size_t n = strnlen(text, INVITE_TEXT), got = 0;

	if (n < PREFIX || memcmp(text, prefix, PREFIX) != 0)
		return "that is no invite; it begins with adit1: and is printed "
		       "by adit-coord invite";
	if (n == INVITE_TEXT ||
	    !base64url_read(text + PREFIX, n - PREFIX, binary, sizeof(binary), &got))
		why = "the invite has a foreign character or is cut; copy the "
		      "whole line that adit-coord invite printed";
	else
		why = judge(binary, got, &i);
	if (!why)
		*out = i;
	invite_wipe(&i);
	secret_wipe(binary, sizeof(binary));
	return why;
}

void invite_wipe(struct invite *i)
{
	secret_wipe(i, sizeof(*i));
}
