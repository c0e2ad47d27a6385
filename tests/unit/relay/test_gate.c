/* SPDX-License-Identifier: MIT
 *
 * test_gate.c - readers side by side, a writer alone, and not for ever waiting
 */
#include "tests/unit/unit.h"

#include "relay/gate.h"

enum {
	READERS = 4,
	ROUNDS = 20000,
	WRITES = 500,
};

static struct gate gate;
static _Atomic unsigned inside, ended;
static unsigned value; /* of the writer, read inside */
static _Atomic bool broken;

static void *reader(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg, seen;

	for (unsigned k = 0; k < ROUNDS; k++) {
		gate_enter(&gate, i);
		inside++;
		seen = value;
		if (seen % 2 || value != seen)
			broken = true;
		inside--;
		gate_leave(&gate, i);
	}
	ended++;
	return NULL;
}

static void test_writer_is_alone(void **state)
{
	pthread_t t[READERS];

	assert_int_equal(gate_init(&gate, READERS), 0);
	for (uintptr_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, reader, (void *)i), 0);
	for (unsigned k = 0; k < WRITES; k++) {
		gate_close(&gate);
		value++; /* odd: seen by a reader, it would show */
		if (inside)
			broken = true;
		value++;
		gate_open(&gate);
	}
	for (unsigned i = 0; i < READERS; i++)
		pthread_join(t[i], NULL);
	assert_false(broken);
	assert_int_equal(value, 2 * WRITES);
	assert_int_equal(ended, READERS);
	gate_done(&gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer_is_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
