/* SPDX-License-Identifier: MIT
 *
 * tls.c - what stream.c needs of OpenSSL
 */
#include "base/tls.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"

struct tls {
	SSL_CTX *settings;
};

static struct tls *tls_new(const SSL_METHOD *method)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->settings = SSL_CTX_new(method);
	if (!t->settings) {
		free(t);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(t->settings, TLS1_2_VERSION);
	SSL_CTX_set_mode(t->settings, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_options(t->settings,
			    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(t->settings, SSL_SESS_CACHE_OFF);
	return t;
}

struct tls *tls_new_client(void)
{
	struct tls *t = tls_new(TLS_client_method());

	if (t)
		SSL_CTX_set_verify(t->settings, SSL_VERIFY_NONE, NULL);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->settings);
	free(t);
}

struct ssl_st *tls_session(struct tls *t, const char *name)
{
	SSL *s = SSL_new(t->settings);

	if (s && name)
		SSL_set_tlsext_host_name(s, name);
	return s;
}

static bool fill_certificate(X509 *x, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(x);
	uint64_t serial = 0;

	RAND_bytes((unsigned char *)&serial, sizeof(serial));
	X509_set_version(x, 2);
	ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1 | 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -24 * 3600L);
	X509_time_adj_ex(X509_getm_notAfter(x), 365 * 20, 0, NULL);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
				   (const unsigned char *)"adit", -1, -1, 0);
	return X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) &&
	       X509_sign(x, key, EVP_sha256()) > 0;
}

static int replace_from(BIO *b, const char *path, mode_t mode)
{
	char *text;
	long n = BIO_get_mem_data(b, &text);

	return n > 0 ? file_replace(path, text, (size_t)n, mode) : -ENOMEM;
}

/* The key goes first: a crash between the two leaves no certificate without key. */
static int write_pair(X509 *x, EVP_PKEY *key, const char *cert_path,
		      const char *key_path)
{
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_secmem());
	int err = -ENOMEM;

	if (c && k && PEM_write_bio_X509(c, x) &&
	    PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL))
		err = replace_from(k, key_path, 0600);
	if (!err)
		err = replace_from(c, cert_path, 0644);
	BIO_free(c);
	BIO_free(k);
	return err;
}

static int make_self_signed(const char *cert_path, const char *key_path)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	int err = -ENOMEM;

	if (key && x && fill_certificate(x, key))
		err = write_pair(x, key, cert_path, key_path);
	X509_free(x);
	EVP_PKEY_free(key);
	return err;
}

/* use_fleeting() - a pair of this process alone: nobody can tell by it who we were */
static bool use_fleeting(struct tls *t)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	bool ok = key && x && fill_certificate(x, key) &&
		  SSL_CTX_use_certificate(t->settings, x) == 1 &&
		  SSL_CTX_use_PrivateKey(t->settings, key) == 1;

	X509_free(x);
	EVP_PKEY_free(key);
	return ok;
}

static const char *load_pair(struct tls *t, const char *cert_path,
			     const char *key_path)
{
	if (SSL_CTX_use_certificate_chain_file(t->settings, cert_path) != 1)
		return cert_path;
	if (SSL_CTX_use_PrivateKey_file(t->settings, key_path,
					SSL_FILETYPE_PEM) != 1)
		return key_path;
	return SSL_CTX_check_private_key(t->settings) == 1 ? NULL : key_path;
}

struct tls *tls_new_server(const char *cert_path, const char *key_path,
			   char why[static 256])
{
	struct tls *t = tls_new(TLS_server_method());
	const char *bad;
	int err = 0;

	snprintf(why, 256, "out of memory");
	if (!t)
		return NULL;
	if (!cert_path) {
		if (use_fleeting(t))
			return t;
		tls_free(t);
		return NULL;
	}
	if (access(cert_path, F_OK) < 0 && errno == ENOENT)
		err = make_self_signed(cert_path, key_path);
	if (err) {
		snprintf(why, 256, "cannot write %.150s: %s", cert_path,
			 strerror(-err));
		tls_free(t);
		return NULL;
	}
	bad = load_pair(t, cert_path, key_path);
	if (!bad)
		return t;
	snprintf(why, 256, "%.100s is no usable PEM file for TLS; remove it "
		 "and its partner to have both made anew", bad);
	ERR_clear_error();
	tls_free(t);
	return NULL;
}

const char *tls_failure(unsigned long error)
{
	if (ERR_GET_LIB(error) != ERR_LIB_SSL)
		return NULL;
	switch (ERR_GET_REASON(error)) {
	case SSL_R_WRONG_VERSION_NUMBER: /* its first octets are no record */
	case SSL_R_HTTP_REQUEST:
	case SSL_R_PACKET_LENGTH_TOO_LONG:
		return "the answer is not TLS: is another service on that port, "
		       "or this network asking for a login? Open a browser and "
		       "see";
	case SSL_R_TLSV1_UNRECOGNIZED_NAME:
		return "the TLS server there serves no such name: check the host "
		       "in the URL";
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
		return "no TLS in common with the server there: it must speak "
		       "TLS 1.2 or newer";
	}
	return "TLS fails, as by a device on the way that meddles with it";
}

bool tls_binding(struct ssl_st *s, unsigned char out[static 32])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	return SSL_is_init_finished(s) && SSL_version(s) == TLS1_3_VERSION &&
	       SSL_export_keying_material(s, out, 32, label, sizeof(label) - 1,
					  NULL, 0, 0) == 1;
}

bool tls_websocket_accept(const void *key, size_t n,
			  char out[static TLS_ACCEPT_TEXT])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t joined[128], digest[EVP_MAX_MD_SIZE];
	unsigned digest_n = 0;

	if (n > sizeof(joined) - sizeof(guid))
		return false;
	memcpy(joined, key, n);
	memcpy(joined + n, guid, sizeof(guid) - 1);
	if (!EVP_Digest(joined, n + sizeof(guid) - 1, digest, &digest_n,
			EVP_sha1(), NULL) ||
	    digest_n != 20)
		return false;
	base64_write(digest, digest_n, out);
	return true;
}
