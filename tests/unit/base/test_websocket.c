/* SPDX-License-Identifier: MIT
 *
 * test_websocket.c - WebSocket frames; vectors of RFC 6455 section 5.7
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"
#include "base/websocket.h"

/* What came out of a stream: "m5" a message of 5 octets, "p" ping, ... */
static void read_all(struct websocket *w, uint8_t *p, size_t n, size_t step,
		     char *out)
{
	uint8_t *data;
	size_t used, data_n;

	*out = 0;
	for (size_t at = 0; at < n;) {
		size_t take = n - at < step ? n - at : step;
		enum websocket_event e =
			websocket_read(w, p + at, take, &used, &data, &data_n);

		at += used;
		if (e == WEBSOCKET_NEED_MORE) {
			assert_int_equal(used, take);
			continue;
		}
		out += sprintf(out, "%c%zu ", "-mPpcEB"[e],
			       e < WEBSOCKET_PROTOCOL_ERROR ? data_n : 0);
		if (e == WEBSOCKET_MESSAGE && data_n == 5)
			assert_memory_equal(data, "Hello", 5);
		if (e >= WEBSOCKET_PROTOCOL_ERROR)
			return;
	}
}

static void reads_frames_in_any_pieces(void **state)
{
	static const struct {
		const char *hex;
		bool from_client;
		const char *expected;
	} table[] = {
		{ "82 05 48656c6c6f", false, "m5 " },
		{ "82 85 37fa213d 7f9f4d5158", true, "m5 " },
		{ "02 03 48656c 80 02 6c6f", false, "m5 " },
		{ "02 03 48656c 89 01 41 80 02 6c6f", false, "P1 m5 " },
		{ "89 05 48656c6c6f", false, "P5 " },
		{ "8a 85 37fa213d 7f9f4d5158", true, "p5 " },
		{ "82 00", false, "m0 " },
		{ "88 02 03e8", false, "c2 " },
		{ "88 00", false, "c0 " },
		{ "88 01 03", false, "E0 " }, /* half a code */
		{ "81 05 48656c6c6f", false, "E0 " }, /* text */
		{ "82 05 48656c6c6f", true, "E0 " }, /* client unmasked */
		{ "82 85 37fa213d 7f9f4d5158", false, "E0 " }, /* server masked */
		{ "c2 05 48656c6c6f", false, "E0 " }, /* reserved bit */
		{ "83 00", false, "E0 " }, /* reserved opcode */
		{ "09 00", false, "E0 " }, /* fragmented ping */
		{ "89 7e 0080", false, "E0 " }, /* long ping */
		{ "80 01 41", false, "E0 " }, /* continues nothing */
		{ "02 01 41 82 01 42", false, "E0 " }, /* message in message */
		{ "82 7e 0005 48656c6c6f", false, "E0 " }, /* not shortest */
		{ "82 7f 0000000000000005", false, "E0 " },
		{ "82 7f 8000000000000000", false, "E0 " },
		{ "82 7e 0101", false, "B0 " }, /* beyond max 256 */
		{ "02 7e 0100", false, "" },
		{ "02 03 616161 80 7e 00fe", false, "B0 " }, /* sum beyond */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		for (size_t step = 1; step < 24; step += 5) {
			struct websocket w;
			uint8_t in[64];
			char out[64];
			size_t n = unit_hex(table[i].hex, in, sizeof(in));

			websocket_init(&w, table[i].from_client, 256);
			read_all(&w, in, n, step, out);
			assert_string_equal(out, table[i].expected);
			websocket_done(&w);
		}
	}
}

static void writes_what_it_reads(void **state)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 200000 };
	static const uint8_t mask[4] = { 1, 2, 3, 4 };
	uint8_t *frame = malloc(200100), *data;

	(void)state;
	assert_non_null(frame);
	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t n = sizes[i], used, data_n;
		size_t h = websocket_header(WEBSOCKET_OP_BINARY, n, mask, frame);
		struct websocket w;

		memset(frame + h, 0x5a, n);
		websocket_mask(mask, 0, frame + h, n);
		websocket_init(&w, true, 200000);
		assert_int_equal(websocket_read(&w, frame, h + n, &used, &data,
						&data_n), WEBSOCKET_MESSAGE);
		assert_int_equal(used, h + n);
		assert_int_equal(data_n, n);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(data[k], 0x5a);
		websocket_done(&w);
	}
	free(frame);
}

static void announced_length_takes_no_memory(void **state)
{
	uint8_t in[16], *data;
	size_t n = unit_hex("82 7f 0000000000100000 41", in, sizeof(in));
	size_t used, data_n;
	struct websocket w;

	(void)state;
	websocket_init(&w, false, 1 << 20);
	websocket_read(&w, in, n, &used, &data, &data_n);
	assert_true(w.capacity <= 65536 * 2);
	websocket_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_frames_in_any_pieces),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(announced_length_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
