/* SPDX-License-Identifier: MIT
 *
 * fuzz_box.c - any octets as a discovery message, and any octets inside one
 *
 * Input: octets. They must not open as they are; sealed they must open to the
 * same; and spoilt at a place that they name they must not.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/box.h"

static struct box a, b;

static void need(bool ok)
{
	if (!ok)
		abort();
}

static bool start(void)
{
	const struct key_private one = { { 8 } }, two = { { 16 } };
	struct key_public one_public, two_public;

	need(key_setup() == 0);
	key_public_of(&one, &one_public);
	key_public_of(&two, &two_public);
	need(box_init(&a, &one, &one_public, &two_public, 1));
	need(box_init(&b, &two, &two_public, &one_public, 1));
	return true;
}

static void sealed(const uint8_t *data, size_t n)
{
	uint8_t m[BOX_MAX], copy[BOX_MAX];
	const uint8_t *plain;
	size_t plain_n, m_n;

	n = n > BOX_PLAIN_MAX ? BOX_PLAIN_MAX : n;
	m_n = box_seal(&a, n, data, n, m);
	memcpy(copy, m, m_n);
	copy[n ? (data[0] * 7u + n) % m_n : 0] ^= 1;
	need(box_open(&b, copy, m_n, &plain, &plain_n) == DROP_DISCO_CRYPTO);
	memcpy(copy, m, m_n);
	need(box_open(&b, m, m_n, &plain, &plain_n) == DROP_NONE);
	need(plain_n == n && (!n || !memcmp(plain, data, n)));
	need(box_open(&b, copy, m_n, &plain, &plain_n) == DROP_DISCO_REPLAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	const uint8_t *plain;
	size_t plain_n;
	uint8_t *m;

	started = started || start();
	m = malloc(size + 1);
	need(m);
	if (size)
		memcpy(m, data, size);
	(void)box_is(m, size);
	need(box_open(&b, m, size, &plain, &plain_n) != DROP_NONE);
	free(m);
	sealed(data, size);
	return 0;
}
