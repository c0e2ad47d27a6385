/* SPDX-License-Identifier: MIT
 *
 * policy.h - the policy file: who may reach whom, and what must hold of it
 *
 * Theory: a policy allows; what no line allows is denied. So the order of lines means
 * nothing, and two lines never contradict each other. Without a policy every member may
 * reach every other. The grammar, one statement on a line, "#" begins a comment:
 *
 *   group NAME = WHO {[,] WHO}         a name for several
 *   host NAME = PREFIX {[,] PREFIX}    a name for addresses
 *   allow WHO.. to WHO.. [on SERVICE..]
 *   test                               up to "end", lines that must hold:
 *     accept WHO.. to WHO.. on SERVICE..
 *     deny WHO.. to WHO.. on SERVICE..
 *   end
 *
 *   WHO      any | NODE | node:NODE | tag:TAG | group:NAME | host:NAME | PREFIX
 *   SERVICE  any | icmp | tcp[:PORTS] | udp[:PORTS] | proto:NUMBER
 *   PORTS    N | N-M | several with commas and no blanks
 *
 * A group and a host stand above the lines that use them. docs/policy.md explains.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "coord/rules.h"

enum {
	POLICY_TEXT_MAX = 1 << 20, /* octets of a file */
	POLICY_LINE_MAX = 8192,
	POLICY_NAMES_MAX = 4096, /* groups and hosts */
	POLICY_SELECTORS_MAX = 131072, /* in all lists, groups written out */
	POLICY_RULES_MAX = 960000, /* octets of the rules of a node as JSON */
	POLICY_ALLOW_MAX = 32768, /* services of all lines */
};

struct policy;

struct policy_error {
	unsigned line; /* from 1; 0: the whole file */
	char text[256]; /* a sentence */
};

/**
 * policy_parse() - Untrusted text to a policy
 * @text: n octets; neither NUL-terminated nor kept
 * Return: NULL and *why
 * Cost: some ms for 10,000 lines
 */
must_check struct policy *policy_parse(const char *text, size_t n,
				       struct policy_error *why);
void policy_free(struct policy *p); /* takes NULL */

/**
 * policy_test() - Do the test lines hold?
 * @nodes: The members; a name that is none of them is a machine without tags
 * Return: false and *why: the first line that does not
 */
must_check bool policy_test(const struct policy *p, const struct rules_node *nodes,
			    unsigned count, struct policy_error *why);

unsigned policy_rules(const struct policy *p); /* allow lines */
unsigned policy_tests(const struct policy *p); /* test lines */

/* policy_allows() - may a begin this with b? port is not looked at for other than TCP
 * and UDP */
bool policy_allows(const struct policy *p, const struct rules_node *a,
		   const struct rules_node *b, uint8_t protocol, uint16_t port);

/* policy_compile() - what this node must enforce; NULL: no memory */
must_check struct rules *policy_compile(const struct policy *p,
					const struct rules_node *node);

/**
 * policy_kind() - Which of the lists that rules lead to name the node: nodes of one kind
 *                 that have neither routes nor guests must enforce the same
 * Return: heap, policy_kind_words() of them; NULL: no memory
 */
must_check uint64_t *policy_kind(const struct policy *p, const struct rules_node *node);
size_t policy_kind_words(const struct policy *p);

/**
 * policy_matrix() - Who may talk with whom, in either direction
 * Return: heap, count rows of policy_row(count) words; bit b of row a; NULL: no memory
 * Cost: rules x (selected nodes) x count / 64 steps
 */
must_check uint64_t *policy_matrix(const struct policy *p,
				   const struct rules_node *nodes, unsigned count);

static inline size_t policy_row(unsigned count)
{
	return (count + 63) / 64;
}

static inline bool policy_bit(const uint64_t *row, unsigned i)
{
	return row[i / 64] >> i % 64 & 1;
}
