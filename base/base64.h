/* SPDX-License-Identifier: MIT
 *
 * base64.h - RFC 4648 base64 (s4) and base64url (s5), both without line breaks
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* BASE64_ROOM() - characters, with NUL, of n octets */
#define BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/* base64_write() - with padding; out has BASE64_ROOM(n); returns characters */
size_t base64_write(const void *p, size_t n, char *out);
/* base64url_write() - without padding */
size_t base64url_write(const void *p, size_t n, char *out);

/**
 * base64_read() - n characters, untrusted; padding may be missing
 * @out: Room for room octets
 * @got: Octets written
 * Return: false: a foreign character, unused bits that are not zero, or no room;
 *         what out then holds is not defined
 */
must_check bool base64_read(const char *p, size_t n, void *out, size_t room,
			    size_t *got);
must_check bool base64url_read(const char *p, size_t n, void *out, size_t room,
			       size_t *got);
