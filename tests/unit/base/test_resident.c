/* SPDX-License-Identifier: MIT
 *
 * test_resident.c - large blocks are mappings that only their use makes resident
 */
#include "tests/unit/unit.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/resident.h"

enum {
	OCTETS = 1 << 20,
	SMALLER = OCTETS - 65536, /* fits where one of OCTETS was */
};

/* resident_pages() - of a block, its first page aside */
static unsigned resident_pages(void *block)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)block + page) & ~(page - 1);
	size_t count = (SMALLER - 2 * page) / page;
	unsigned char *in = calloc(count, 1);
	unsigned n = 0;

	assert_int_equal(mincore((void *)from, count * page, in), 0);
	for (size_t i = 0; i < count; i++)
		n += in[i] & 1;
	free(in);
	return n;
}

static void unused_is_not_resident(void **state)
{
	char *p = malloc(OCTETS);

	(void)state;
	memset(p, 1, OCTETS);
	free(p); /* malloc() would now keep this size in its heap */
	p = calloc(1, SMALLER);
	assert_non_null(p);
	assert_int_equal(resident_pages(p), 0);
	free(p);
}

static void let_go_reads_as_zeros(void **state)
{
	char *p = malloc(OCTETS);

	(void)state;
	memset(p, 1, OCTETS);
	assert_in_range(resident_pages(p), 200, OCTETS / 4096);
	resident_let_go(p, OCTETS);
	assert_int_equal(resident_pages(p), 0);
	assert_int_equal(p[OCTETS / 2], 0);
	assert_int_equal(p[0], 1); /* shares its page with others */
	resident_let_go(NULL, OCTETS);
	resident_let_go(p + 1, 100); /* no whole page */
	resident_trim(); /* and the code goes on */
	free(p);
}

static void folded_reads_as_before(void **state)
{
	char *p = malloc(OCTETS);

	(void)state;
	explicit_bzero(p, OCTETS); /* memset() would make this a calloc() */
	p[OCTETS / 2] = 1;
	p[OCTETS / 2 + 4095] = 2;
	assert_in_range(resident_pages(p), 200, OCTETS / 4096);
	resident_fold(p, OCTETS);
	assert_in_range(resident_pages(p), 1, 2);
	assert_int_equal(p[OCTETS / 2], 1);
	assert_int_equal(p[OCTETS / 2 + 4095], 2);
	assert_int_equal(p[OCTETS / 4], 0);
	resident_fold(p + 1, 100); /* no whole page */
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unused_is_not_resident),
		cmocka_unit_test(let_go_reads_as_zeros),
		cmocka_unit_test(folded_reads_as_before),
	};

	resident_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
