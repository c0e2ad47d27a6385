/* SPDX-License-Identifier: MIT
 *
 * fuzz_nat64.c - a router's option and a resolver's answer: what is taken goes there and back
 */
#include <stdlib.h>
#include <string.h>

#include "base/nat64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct nat64 *t)
{
	struct ipaddr v4 = ipaddr_v4(0xc0000221), in = nat64_embed(t, &v4), back;

	if (!nat64_extract(t, &in, &back) || !ipaddr_eq(&back, &v4) ||
	    ipaddr_class(&in) == ADDR_CLASS_LOOPBACK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipaddr a[8];
	unsigned lifetime, count = 0;
	struct nat64 t;

	if (nat64_advertised(data, size, &t, &lifetime))
		check(&t);
	for (; count < 8 && size >= 16; data += 16, size -= 16)
		a[count++] = ipaddr_from_v6(data);
	if (nat64_find(a, count, &t))
		check(&t);
	return 0;
}
