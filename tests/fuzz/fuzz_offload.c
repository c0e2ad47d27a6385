/* SPDX-License-Identifier: MIT
 *
 * fuzz_offload.c - any octets as a read from the device and as a batch to join
 */
#include <string.h>

#include "tun/offload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[1 << 20], copy[2][4096];
	static struct offload_write w[2];
	static struct offload_merger *m;
	struct offload_layout lay = { out, sizeof(out), 32, 16 };
	struct offload_packet p[2];
	struct offload_cut c;

	if (size > 4096)
		return 0;
	if (offload_plan(data, size, 16, 1400, &lay, &c) == DROP_NONE &&
	    offload_split(data, size, &lay, &c) != DROP_NONE)
		return 0;
	if (!m)
		m = offload_merger_new(true, true);
	for (int i = 0; m && i < 2; i++) {
		memcpy(copy[i], data, size);
		p[i] = (struct offload_packet){ copy[i], size };
	}
	return m && offload_merge(m, p, 2, w) > 2;
}
