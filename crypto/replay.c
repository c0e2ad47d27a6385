/* SPDX-License-Identifier: MIT
 *
 * replay.c - a sliding window over counters, RFC 6479
 */
#include "crypto/replay.h"

#include "base/time.h"
#include "crypto/messages.h"

/* advance() - make counter `at` (plus one) the head; clear what is skipped */
static void advance(struct replay *r, uint64_t at)
{
	const uint64_t from = r->ahead >> 6;
	uint64_t words = (at >> 6) - from;

	if (words > REPLAY_WORDS)
		words = REPLAY_WORDS;
	for (uint64_t i = 1; i <= words; i++)
		r->seen[(from + i) % REPLAY_WORDS] = 0;
	r->ahead = at;
}

bool replay_accept(struct replay *r, uint64_t counter)
{
	const uint64_t at = counter + 1; /* 0 is "none yet" */
	uint64_t *word, bit;

	if (counter >= REJECT_AFTER_MESSAGES)
		return false;
	if (at + REPLAY_WINDOW < r->ahead)
		return false;
	if (at > r->ahead)
		advance(r, at);
	word = &r->seen[(at >> 6) % REPLAY_WORDS];
	bit = UINT64_C(1) << (at & 63);
	if (*word & bit)
		return false;
	*word |= bit;
	return true;
}
