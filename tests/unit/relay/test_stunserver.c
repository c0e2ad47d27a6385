/* SPDX-License-Identifier: MIT
 *
 * test_stunserver.c - answers to STUN requests
 */
#include "tests/unit/unit.h"

#include "relay/stunserver.h"

static struct endpoint at(uint32_t ip, uint16_t port)
{
	return (struct endpoint){ .ip = ipaddr_v4(ip), .port = port };
}

static enum drop ask(struct stunserver *s, const struct stun_message *m, bool two,
		     struct stunserver_out *out, nsec_t now)
{
	uint8_t octets[STUN_MAX];
	struct stunserver_in in = { .m = octets,
				    .n = stun_write(m, octets),
				    .from = at(0xc6336401, 5555),
				    .to = at(0xcb007101, 3478),
				    .other_port = 3479 };

	if (two)
		in.other = ipaddr_v4(0xcb007102);
	return stunserver_input(s, &in, out, now);
}

static void test_plain(void **state)
{
	struct stunserver *s = stunserver_new(1);
	struct stun_message m = { .class = STUN_REQUEST, .txid = { { 7 } },
				  .padding = 32 }, r;
	struct stunserver_out out;

	assert_int_equal(ask(s, &m, true, &out, SEC(1)), DROP_NONE);
	assert_int_equal(stun_parse(out.message, out.n, &r), DROP_NONE);
	assert_int_equal(r.class, STUN_SUCCESS);
	assert_memory_equal(&r.txid, &m.txid, sizeof(r.txid));
	assert_true(endpoint_eq(&r.mapped, &(struct endpoint){
		.ip = ipaddr_v4(0xc6336401), .port = 5555 }));
	assert_int_equal(r.origin.port, 3478);
	assert_int_equal(r.other.port, 3479);
	assert_int_equal(r.other.ip.b[15], 2);
	assert_false(out.change_ip || out.change_port);
	stunserver_free(s);
}

static void test_change(void **state)
{
	struct stunserver *s = stunserver_new(1);
	struct stun_message m = { .class = STUN_REQUEST, .change_ip = true,
				  .change_port = true, .response_port = 7777 };
	struct stun_message r;
	struct stunserver_out out;

	assert_int_equal(ask(s, &m, true, &out, SEC(1)), DROP_NONE);
	assert_true(out.change_ip && out.change_port);
	assert_int_equal(out.to.port, 7777);
	assert_int_equal(stun_parse(out.message, out.n, &r), DROP_NONE);
	assert_int_equal(r.origin.port, 3479);
	assert_int_equal(r.origin.ip.b[15], 2);

	assert_int_equal(ask(s, &m, false, &out, SEC(1)), DROP_NONE);
	assert_int_equal(stun_parse(out.message, out.n, &r), DROP_NONE);
	assert_int_equal(r.class, STUN_ERROR);
	assert_int_equal(r.error, 420);
	stunserver_free(s);
}

static void test_classic(void **state)
{
	/* RFC 3489 s11.1: Binding request, 16 octets of id, CHANGE-REQUEST 0 */
	uint8_t m[28] = { 0, 1, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
			  14, 15, 16, 0, 3, 0, 4, 0, 0, 0, 0 };
	struct stunserver_in in = { .m = m, .n = sizeof(m),
				    .from = at(0x01020304, 0x1122),
				    .to = at(0xcb007101, 3478),
				    .other_port = 3479 };
	struct stunserver *s = stunserver_new(1);
	struct stunserver_out out;

	assert_int_equal(stunserver_input(s, &in, &out, SEC(1)), DROP_NONE);
	assert_memory_equal(out.message + 4, m + 4, 16);
	assert_memory_equal(out.message + 20,
			    "\0\1\0\10\0\1\x11\x22\1\2\3\4", 12);
	assert_int_equal(out.n, 20 + 3 * 12);
	stunserver_free(s);
}

static void test_rate(void **state)
{
	struct stunserver *s = stunserver_new(1);
	struct stun_message m = { .class = STUN_REQUEST };
	struct stunserver_out out;
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++)
		n += ask(s, &m, false, &out, SEC(1)) == DROP_NONE;
	assert_int_equal(n, STUNSERVER_BURST);
	for (unsigned i = 0; i < 1000; i++)
		n += ask(s, &m, false, &out, SEC(3)) == DROP_NONE;
	assert_int_equal(n, STUNSERVER_BURST + 2 * STUNSERVER_RATE);
	stunserver_free(s);
}

static void test_no_answer_to_answers(void **state)
{
	struct stunserver *s = stunserver_new(1);
	struct stun_message m = { .class = STUN_SUCCESS,
				  .mapped = at(1, 1) };
	struct stunserver_out out;

	assert_int_equal(ask(s, &m, false, &out, 1), DROP_STUN_UNEXPECTED);
	m.class = STUN_INDICATION;
	assert_int_equal(ask(s, &m, false, &out, 1), DROP_STUN_UNEXPECTED);
	m.class = STUN_ERROR;
	m.error = 420;
	assert_int_equal(ask(s, &m, false, &out, 1), DROP_STUN_UNEXPECTED);
	stunserver_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_classic),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_no_answer_to_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
