/* SPDX-License-Identifier: MIT
 *
 * node_conf_row.h - the table behind node_conf.h: a row per key, a kind per type
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/value.h"

struct node_conf_row;

struct node_conf_kind {
	/* set() - value, untrusted, into the row's field of `at` (a struct node_conf, or
	 * a struct node_conf_peer for [Peer] rows) */
	bool (*set)(const struct node_conf_row *r, void *at, const char *value,
		    char why[static VALUE_WHY]);
	/* print() - "Key = value" lines that set() takes; nothing for "none" */
	void (*print)(const struct node_conf_row *r, const void *at, FILE *f);
	bool secret; /* the file that gives it must be private */
};

struct node_conf_row {
	const char *section; /* where it is documented to stand */
	bool peer; /* a field of struct node_conf_peer */
	const char *key;
	const struct node_conf_kind *kind;
	size_t offset; /* of the field */
	size_t room; /* octets of a text field */
	uint64_t lo, hi; /* of a number */
	const char *help; /* scdoc text */
};

extern const struct node_conf_row node_conf_rows[];
extern const size_t node_conf_row_count;
