/* SPDX-License-Identifier: MIT
 *
 * tls.h - what stream.c needs of OpenSSL: two kinds of settings, one kind of certificate
 *
 * TLS 1.2 or newer. A client accepts any certificate: trust comes from inside (see
 * base/stream.h). A server without a certificate makes a self-signed one (EC P-256).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

struct ssl_st;
struct tls;

struct tls *tls_new_client(void); /* NULL: no memory */
/* tls_new_server() - reads both PEM files, or makes them if neither is there; without
 * paths: makes a pair that is kept nowhere; NULL: why is a sentence */
struct tls *tls_new_server(const char *cert_path, const char *key_path,
			   char why[static 256]);
void tls_free(struct tls *t); /* takes NULL */

/* tls_session() - for one connection; name is sent to the server (SNI), NULL: none;
 * the caller (libevent) owns it; NULL: no memory */
struct ssl_st *tls_session(struct tls *t, const char *name);

/* tls_failure() - one clause on an error of OpenSSL's; NULL: it says nothing of use */
const char *tls_failure(unsigned long error);

/* tls_binding() - the exporter value named tls-exporter (RFC 9266 s2); false: the
 * handshake is not done, or is not TLS 1.3 */
must_check bool tls_binding(struct ssl_st *s, unsigned char out[static 32]);

enum {
	TLS_ACCEPT_TEXT = 29, /* characters of Sec-WebSocket-Accept, with NUL */
};

/* tls_websocket_accept() - RFC 6455 s4.2.2: base64 of SHA-1 of key and GUID */
bool tls_websocket_accept(const void *key, size_t n,
			  char out[static TLS_ACCEPT_TEXT]);
