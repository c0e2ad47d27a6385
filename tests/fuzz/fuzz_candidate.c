/* SPDX-License-Identifier: MIT
 *
 * fuzz_candidate.c - candidate lists: bounded, in order of rank, unique for each protocol
 */
#include <stdlib.h>

#include "traversal/candidate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct candidate_list *l)
{
	if (l->count > CANDIDATES_MAX)
		abort();
	for (unsigned i = 0; i < l->count; i++) {
		(void)candidate_allowed(&l->c[i].at, NULL, 0);
		if (i && l->c[i].spare == l->c[i - 1].spare &&
		    candidate_priority(l->c[i].kind) >
				 candidate_priority(l->c[i - 1].kind))
			abort();
		for (unsigned j = 0; j < i; j++)
			if (endpoint_eq(&l->c[i].at, &l->c[j].at) &&
			    candidate_is_tcp(l->c[i].kind) ==
				    candidate_is_tcp(l->c[j].kind))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(data, size);
	struct candidate_list l;

	if (candidate_list_read(&r, &l))
		check(&l);
	return 0;
}
