/* SPDX-License-Identifier: MIT
 *
 * trie.h - longest-prefix match: inner address -> value (WireGuard's allowed-IPs)
 *
 * Theory: a path-compressed binary trie per family, built by the control thread and
 * then only read by packet workers. A prefix has one owner: inserting it again moves
 * it to the new value, as wg(8) does.
 */
#pragma once

#include <stdint.h>

#include "base/addr.h"

struct trie; /* both families */

enum {
	TRIE_NONE = UINT32_MAX /* no value */
};

struct trie *trie_new(void); /* NULL: no memory */
void trie_free(struct trie *t); /* takes NULL */

/* trie_insert() - value < TRIE_NONE; 0 or -ENOMEM (t is unchanged) */
must_check int trie_insert(struct trie *t, const struct prefix *p, uint32_t value);
/* trie_remove() - one prefix; trie_remove_value() - all of a value */
void trie_remove(struct trie *t, const struct prefix *p);
void trie_remove_value(struct trie *t, uint32_t value);

/* trie_find4/6() - the value of the longest prefix that contains the address, or
 * TRIE_NONE. Cost: no allocation, at most 32/128 steps */
uint32_t trie_find4(const struct trie *t, const uint8_t ip[static 4]);
uint32_t trie_find6(const struct trie *t, const uint8_t ip[static 16]);
uint32_t trie_find(const struct trie *t, const struct ipaddr *ip);

/* trie_each() - call for every prefix, in no particular order */
void trie_each(const struct trie *t,
	       void (*f)(const struct prefix *p, uint32_t value, void *arg),
	       void *arg);
