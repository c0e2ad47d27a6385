/* SPDX-License-Identifier: MIT
 *
 * test_fwd.c - nothing is freed while a worker may hold it; slots are used again
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "daemon/fwd.h"

static struct fwd f;

static int setup(void **state)
{
	(void)state;
	return fwd_init(&f);
}

static int teardown(void **state)
{
	(void)state;
	fwd_done(&f);
	return 0;
}

static struct egress_pair *an_egress(void)
{
	return calloc(1, sizeof(struct egress_pair));
}

static void retired_waits_for_workers(void **state)
{
	struct fwd_peer *p = fwd_peer_new(&f);

	(void)state;
	assert_non_null(p);
	fwd_awake(&f, 0);
	fwd_set_egress(&f, p, an_egress());
	assert_false(fwd_reclaim(&f)); /* nothing was replaced yet */
	fwd_set_egress(&f, p, an_egress());
	assert_true(fwd_reclaim(&f)); /* worker 0 may hold the first */
	fwd_awake(&f, 0); /* a new turn: it cannot any more */
	assert_false(fwd_reclaim(&f));
	fwd_set_egress(&f, p, an_egress());
	assert_true(fwd_reclaim(&f));
	fwd_asleep(&f, 0);
	assert_false(fwd_reclaim(&f));
	fwd_peer_remove(&f, p);
	assert_false(fwd_reclaim(&f));
}

static void slots_come_back(void **state)
{
	struct fwd_peer *p[600];

	(void)state;
	for (int i = 0; i < 600; i++) {
		p[i] = fwd_peer_new(&f);
		assert_non_null(p[i]);
		assert_ptr_equal(atomic_load(&fwd_slot_at(&f, p[i]->slot)->peer),
				 p[i]);
	}
	uint32_t slot = p[300]->slot;

	fwd_peer_remove(&f, p[300]);
	assert_null(atomic_load(&fwd_slot_at(&f, slot)->peer));
	p[300] = fwd_peer_new(&f);
	assert_int_equal(p[300]->slot, slot);
	for (int i = 0; i < 600; i++)
		fwd_peer_remove(&f, p[i]);
	assert_false(fwd_reclaim(&f));
}

static void unknown_index_finds_nothing(void **state)
{
	struct fwd_peer *peer;

	(void)state;
	for (uint64_t i = 0; i < UINT32_MAX; i += 0x1234567)
		assert_null(fwd_session_by_index(&f, (uint32_t)i, &peer));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(retired_waits_for_workers),
		cmocka_unit_test(slots_come_back),
		cmocka_unit_test(unknown_index_finds_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
