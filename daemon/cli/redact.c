/* SPDX-License-Identifier: MIT
 *
 * redact.c - take secrets, and on demand addresses, out of text for strangers
 *
 * Theory: the text is cut into words of the octets that keys, invites and addresses are
 * made of. A word with a secret goes whole; otherwise each piece between separators may
 * be where an address begins. A port or prefix length behind an address stays.
 */
#include "daemon/cli/redact.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	SECRET_MIN = 40, /* characters: a key has 44, a word of a language has not */
	WORD_MAX = 64, /* of an address */
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* FNV-1a over the seed and the word; 16 bits of it are shown */
static unsigned mark_of(const struct redact *r, const char *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325 ^ r->seed;

	while (n--)
		h = (h ^ (unsigned char)*p++) * 0x100000001b3;
	return (unsigned)(h >> 32 ^ h >> 48) & 0xffff;
}

/* word_n() - octets of the word at p that could be a key, an invite or an address */
static size_t word_n(const char *p)
{
	size_t n = strspn(p, letters);

	while (p[n] && strchr("+/_-=:.", p[n]))
		n += 1 + strspn(p + n + 1, letters);
	return n;
}

static bool is_secret(const char *p, size_t n)
{
	size_t run = 0;

	if (n > 6 && !strncmp(p, "adit1:", 6))
		return true;
	for (size_t i = 0; i < n; i++) {
		run = p[i] == '.' || p[i] == ':' ? 0 : run + 1;
		if (run >= SECRET_MIN)
			return true;
	}
	return false;
}

/* address_n() - octets of the address that the word begins with; 0: none */
static size_t address_n(const char *p, size_t n)
{
	char word[WORD_MAX];
	uint8_t ip[16];
	size_t v4 = strspn(p, "0123456789.");
	size_t v6 = strspn(p, "0123456789abcdefABCDEF:.");

	v4 = v4 > n ? n : v4;
	v6 = v6 > n ? n : v6;
	while (v4 && p[v4 - 1] == '.')
		v4--;
	while (v6 > 2 && p[v6 - 1] == ':' && p[v6 - 2] != ':')
		v6--;
	if (v6 < sizeof(word) && v6 > 2) {
		memcpy(word, p, v6);
		word[v6] = 0;
		if (inet_pton(AF_INET6, word, ip) == 1)
			return v6;
	}
	if (v4 >= sizeof(word))
		return 0;
	memcpy(word, p, v4);
	word[v4] = 0;
	return inet_pton(AF_INET, word, ip) == 1 ? v4 : 0;
}

static size_t put(char *out, size_t room, size_t n, const char *p, size_t p_n)
{
	size_t left = room - 1 - n;

	if (p_n > left)
		p_n = left;
	memcpy(out + n, p, p_n);
	return n + p_n;
}

static size_t put_mark(const struct redact *r, char *out, size_t room, size_t n,
		       const char *what, const char *p, size_t p_n)
{
	char mark[32];
	int m = snprintf(mark, sizeof(mark), "[%s %04x]", what,
			 mark_of(r, p, p_n));

	return put(out, room, n, mark, (size_t)m);
}

size_t redact_text(const struct redact *r, const char *text, char *out, size_t room)
{
	size_t n = 0;

	if (!room)
		return 0;
	while (*text) {
		size_t word = word_n(text), address = 0;

		if (!word && text[0] == ':' && text[1] == ':')
			word = 2 + word_n(text + 2);
		if (r->addresses && word)
			address = address_n(text, word);
		if (is_secret(text, word)) {
			n = put_mark(r, out, room, n, "key", text, word);
		} else if (address) {
			n = put_mark(r, out, room, n, "address", text, address);
			word = address;
		} else {
			word = strspn(text, letters) + 1; /* and a separator */
			word = strnlen(text, word);
			n = put(out, room, n, text, word);
		}
		text += word;
	}
	out[n] = 0;
	return n;
}
