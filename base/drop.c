/* SPDX-License-Identifier: MIT
 *
 * drop.c - the names and sentences of the drop reasons
 */
#include "base/drop.h"

#include <ctype.h>

static const char *const texts[] = {
#define X(name, text) text,
	DROP_TABLE(X)
#undef X
};

static const char *const upper_names[] = {
#define X(name, text) #name,
	DROP_TABLE(X)
#undef X
};

/* drop_name() - the row in lower case, made once */
const char *drop_name(enum drop d)
{
	static char names[DROP_COUNT][32];
	static _Atomic int made;

	if (!atomic_load_explicit(&made, memory_order_acquire)) {
		for (int i = 0; i < DROP_COUNT; i++)
			for (int j = 0; j < 31 && upper_names[i][j]; j++)
				names[i][j] = (char)tolower(upper_names[i][j]);
		atomic_store_explicit(&made, 1, memory_order_release);
	}
	return d < DROP_COUNT ? names[d] : "unknown";
}

const char *drop_text(enum drop d)
{
	return d < DROP_COUNT ? texts[d] : "unknown";
}
