/* SPDX-License-Identifier: MIT
 *
 * fuzz_classify.c - any octets as an inner packet, and as what an ICMP error quotes
 */
#include <stdlib.h>

#include "tun/classify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct classify *c, const uint8_t *data, size_t size)
{
	size_t n = c->v6 ? 16 : 4;

	if (c->source < data || c->source + n > data + size ||
	    c->destination < data || c->destination + n > data + size)
		abort();
	if (c->icmp == CLASSIFY_ERROR &&
	    (c->quoted < data || c->quoted + c->quoted_n > data + size))
		abort();
	if (c->part == CLASSIFY_LATER &&
	    (c->source_port || c->flags || c->icmp != CLASSIFY_NO_ICMP))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct classify c, q;

	if (classify(data, size, &c)) {
		check(&c, data, size);
		if (c.icmp == CLASSIFY_ERROR &&
		    classify_quoted(c.quoted, c.quoted_n, &q))
			check(&q, c.quoted, c.quoted_n);
	}
	if (classify_quoted(data, size, &q))
		check(&q, data, size);
	return 0;
}
