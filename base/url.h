/* SPDX-License-Identifier: MIT
 *
 * url.h - the one kind of URL that adit takes: https://HOST[:PORT]
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	URL_HOST = 256,
};

/**
 * url_parse() - "https://HOST[:PORT]" with an optional last slash
 * @text: NUL-terminated, untrusted; HOST is a name, 192.0.2.1 or [2001:db8::1]
 * @host: Without brackets
 * @port: 443 by default
 * Return: false: malformed; the outputs are then undefined
 */
must_check bool url_parse(const char *text, char host[static URL_HOST],
			  uint16_t *port);
