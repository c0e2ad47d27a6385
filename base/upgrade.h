/* SPDX-License-Identifier: MIT
 *
 * upgrade.h - CODEC: from HTTP to WebSocket, RFC 6455 section 4
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/http.h"

enum {
	UPGRADE_NONCE = 16, /* random octets of one request */
	UPGRADE_ROOM = 640, /* any request or response written here, with NUL */
};

/* upgrade_request() - returns octets; host without brackets, path below 64 octets */
size_t upgrade_request(const char *host, uint16_t port, const char *path,
		       const uint8_t nonce[static UPGRADE_NONCE],
		       char out[static UPGRADE_ROOM]);
/* upgrade_judge_request() - NULL and the response as text; or the status line that
 * refuses it, without version */
must_check const char *upgrade_judge_request(const struct http_head *h,
					     const char *path,
					     char out[static UPGRADE_ROOM]);
/* upgrade_judge_response() - NULL, or one clause on what is wrong with it */
must_check const char *
upgrade_judge_response(const struct http_head *h,
		       const uint8_t nonce[static UPGRADE_NONCE]);
