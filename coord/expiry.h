/* SPDX-License-Identifier: MIT
 *
 * expiry.h - when a membership ends by itself, and how it is renewed
 *
 * Off by default. When an administrator has set a period, each membership has a date of
 * its end, which moves on by itself while the node is in contact. Only what stays away
 * for the whole period expires; time that the server itself was away does not count.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "coord/registry.h"

enum {
	EXPIRY_LEAST_S = 3600,
	EXPIRY_MOST_S = 10 * 365 * 86400,
	EXPIRY_ALIVE_S = 600, /* so often the server notes that it runs */
};

/* expiry_parse() - "off" (0) or a time as 36h, 30d, 26w; false: none, or out of bounds */
must_check bool expiry_parse(const char *text, uint64_t *out);

/**
 * expiry_next() - When a membership is to end, given when it ends now
 * @expires_s: 0: never
 * @period_s: 0: none, memberships do not end
 * @contact: The node is connected
 * Return: expires_s itself if there is nothing to write; the date is moved on once a
 *         sixteenth of the period is gone, to spare the disk
 */
uint64_t expiry_next(uint64_t expires_s, uint64_t period_s, bool contact,
		     uint64_t now_s);

/* expiry_shift() - a date that lay ahead when the server was last alive, moved on by
 * the time that it was away */
uint64_t expiry_shift(uint64_t expires_s, uint64_t alive_s, uint64_t now_s);
