/* SPDX-License-Identifier: MIT
 *
 * fuzz_rules.c - any JSON as the rules of a netmap; what is read can be written
 */
#include <stdlib.h>

#include "coord/proto.h"
#include "coord/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *o = json_loadb((const char *)data, size, 0, NULL);
	unsigned skipped = 0;
	struct rules *r;

	if (!o)
		return 0;
	r = rules_read(o, &skipped);
	json_decref(o);
	if (!r)
		return 0;
	for (unsigned i = 0; i < r->allow_count; i++)
		if (r->allow[i].source >= r->source_count ||
		    r->allow[i].net >= (int)r->net_count)
			abort();
	o = rules_json(r);
	if (!o)
		abort();
	json_decref(o);
	rules_free(r);
	return 0;
}
