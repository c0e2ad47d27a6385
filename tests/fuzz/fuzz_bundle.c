/* SPDX-License-Identifier: MIT
 *
 * fuzz_bundle.c - a relay's stream message: frames lie inside it, and it ends
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/udp.h"
#include "relay/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *m = malloc(size + 1), *train;
	size_t n, segment, all = 0;
	struct bundle b;

	if (!m)
		return 0;
	memcpy(m, data, size);
	bundle_init(&b, m, size);
	while (bundle_next(&b, &train, &n, &segment)) {
		if (!n || !segment || segment > n || n > UDP_TRAIN_SEND ||
		    train < m || train + n > m + size)
			abort();
		all += n;
	}
	if (all > size)
		abort();
	free(m);
	return 0;
}
