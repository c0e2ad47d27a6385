/* SPDX-License-Identifier: MIT
 *
 * fuzz_websocket.c - any octets as WebSocket frames, in two ways of cutting them
 *
 * Input: first octet: side and piece length; the rest: the stream. What comes out must
 * not depend on the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "base/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t run(const uint8_t *p, size_t n, bool from_client, size_t step)
{
	struct websocket w;
	uint64_t sum = 0;

	websocket_init(&w, from_client, 4096);
	for (size_t at = 0; at < n;) {
		size_t take = n - at < step ? n - at : step, used, data_n = 0;
		uint8_t *data = NULL;
		enum websocket_event e =
			websocket_read(&w, p + at, take, &used, &data, &data_n);

		if (used > take || w.n > w.max)
			abort();
		at += used;
		if (e == WEBSOCKET_NEED_MORE)
			continue;
		sum = sum * 31 + e;
		if (e >= WEBSOCKET_PROTOCOL_ERROR)
			break;
		for (size_t i = 0; i < data_n; i++)
			sum = sum * 31 + data[i];
	}
	websocket_done(&w);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool from_client;
	size_t step;

	if (size < 1)
		return 0;
	from_client = data[0] & 1;
	step = 1 + (data[0] >> 1);
	if (run(data + 1, size - 1, from_client, size) !=
	    run(data + 1, size - 1, from_client, step))
		abort();
	return 0;
}
