/* SPDX-License-Identifier: MIT
 *
 * scrape.h - GET /metrics over HTTP/1.1 on a local port or unix socket (glue)
 *
 * For Prometheus and curl alone: one request for each connection, a few connections at
 * once, no TLS, no names. It is off unless an administrator asks for it, and belongs on
 * a loopback or management address.
 */
#pragma once

#include "base/attr.h"
#include "base/loop.h"
#include "base/metrics.h"

enum {
	SCRAPE_PAGE_MAX = 128 * 1024, /* octets of a page; samples beyond are left out */
	SCRAPE_CONNECTIONS_MAX = 4, /* the oldest goes when a fifth comes */
	SCRAPE_AT = 128, /* octets of an address as text, with NUL */
};

struct scrape;

struct scrape_params {
	struct loop *loop;
	const char *at; /* "127.0.0.1:9100", "[::1]:9100" or "/run/adit/metrics.sock" */
	void *owner;
	void (*fill)(void *owner, struct metrics *m);
};

/* scrape_valid() - whether text has one of the forms of `at` */
must_check bool scrape_valid(const char *text);

/* scrape_new() - NULL on failure: why is what happened and what to do */
struct scrape *scrape_new(const struct scrape_params *p, char why[static 256]);
void scrape_free(struct scrape *s); /* takes NULL */
