/* SPDX-License-Identifier: MIT
 *
 * redact.h - take secrets, and on demand addresses, out of text for strangers
 *
 * Pure. Keys (44 characters of base64 that end in "="), longer runs of base64, and
 * invites go always. The same original becomes the same replacement in one report, so
 * that the text can still be followed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redact {
	bool addresses; /* IPv4 and IPv6 addresses, too */
	uint64_t seed; /* random; replacements tell nothing of the originals */
};

/**
 * redact_text() - Copy text with what must go replaced by "[key 3fa9]", "[address 12cd]"
 * @out: Room for room octets; NUL-terminated, cut where it is full
 * Return: octets written
 */
size_t redact_text(const struct redact *r, const char *text, char *out, size_t room);
