/* SPDX-License-Identifier: MIT
 *
 * places.h - networks that this machine has been in, and what their NATs did: a table and its
 * file
 *
 * A place is known again by its router's Ethernet address and the subnet behind it
 * (traversal.md 5.1). What is remembered orders tries and spares waiting; it never stands
 * against a measurement.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "traversal/lifetime.h"
#include "traversal/pathset.h"

enum {
	PLACES_MAX = 64, /* the longest unvisited one gives way */
	PLACES_OCTETS = 64 * 1024, /* of the file */
};

struct place {
	uint8_t router[6]; /* Ethernet address */
	struct prefix subnet;
	struct ipaddr external; /* as servers saw us there; zero: not known */
	struct nat_profile nat; /* what is measured: neither no_scan, no_udp nor keep_s */
	struct lifetime_result idle; /* of mappings; zeroes: not known */
	uint64_t seen_s, idle_seen_s; /* since 1970: when nat, and idle, were measured */
};

struct places {
	struct place list[PLACES_MAX]; /* the last visited first */
	unsigned count;
};

/* places_find() - NULL: never been there. Valid until the next places_put() */
const struct place *places_find(const struct places *p, const uint8_t router[static 6],
				const struct prefix *subnet);
/* places_put() - in the stead of what was known of that place */
void places_put(struct places *p, const struct place *one);

/* places_text() - as JSON; heap, the caller frees; NULL: no memory */
char *places_text(const struct places *p);
/**
 * places_read() - From a file's text
 * @text: n octets; anybody may have edited them: every member is bounded, an entry with a
 *        wrong one is left out
 * Return: false: it is no such file at all; *out is empty then
 */
must_check bool places_read(const char *text, size_t n, struct places *out);
