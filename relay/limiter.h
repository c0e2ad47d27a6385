/* SPDX-License-Identifier: MIT
 *
 * limiter.h - token buckets per source address in a table of fixed size
 *
 * Theory: a source is an IPv4 address or an IPv6 /64; the port is not part of it.
 * Buckets live in sets of four; a new source takes the place of the one of its set
 * that was seen longest ago. Under a flood of spoofed sources buckets are lost, which
 * only makes the limiter milder: nothing grows, nobody legitimate is locked out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/time.h"

struct limiter;

/* limiter_new() - rate: permits a second, burst: at once; NULL: no memory */
struct limiter *limiter_new(unsigned rate, unsigned burst, uint64_t seed);
void limiter_free(struct limiter *l); /* takes NULL */

/* limiter_pass() - may this source have one more now? No allocation; any thread: two at
 * once for one source may count as one */
bool limiter_pass(struct limiter *l, const struct ipaddr *source, nsec_t now);
