/* SPDX-License-Identifier: MIT
 *
 * fuzz_token.c - relay tokens: none that we did not sign is good
 */
#include <stdlib.h>

#include "relay/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sign_private sk;
	static struct sign_public pk;
	static bool ready;
	struct token t;

	if (!ready) {
		if (key_setup())
			abort();
		sign_generate(&sk, &pk);
		ready = true;
	}
	if (token_check(data, size, &pk, 0, &t))
		abort();
	return 0;
}
