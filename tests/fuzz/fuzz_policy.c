/* SPDX-License-Identifier: MIT
 *
 * fuzz_policy.c - any octets as a policy file; what parses is tested and compiled
 */
#include <stdlib.h>

#include "coord/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct rules_node nodes[2] = { { .name = "a", .tags = "web,db" },
					     { .name = "b" } };
	struct policy_error why = { 0 };
	struct policy *p = policy_parse((const char *)data, size, &why);

	if (!p) {
		if (!why.text[0])
			abort();
		return 0;
	}
	(void)!policy_test(p, nodes, 2, &why);
	free(policy_matrix(p, nodes, 2));
	rules_free(policy_compile(p, &nodes[0]));
	policy_free(p);
	return 0;
}
