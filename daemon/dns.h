/* SPDX-License-Identifier: MIT
 *
 * dns.h - DNS messages: one question in, one answer out; RFC 1035, 3597, 6891, 8482
 *
 * Theory: whatever is asked is echoed octet by octet, so that a resolver which mixes
 * upper and lower case against forgery finds its own question again; every record of
 * an answer names its owner by a pointer into that question or to a suffix of it.
 * Names are compared by their lower-case text. Pure: octets in, octets out.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/cursor.h"

enum {
	DNS_HEADER = 12, /* octets, RFC 1035 s4.1.1 */
	DNS_NAME_WIRE = 255, /* octets of a name, s2.3.4 */
	DNS_NAME_TEXT = 256, /* as text, with NUL */
	DNS_LABEL = 63, /* octets, s2.3.4 */
	DNS_PLAIN_MAX = 512, /* octets over UDP without EDNS, s2.3.4 */
	DNS_EDNS_MAX = 1232, /* what we send at most and say that we take */
};

enum dns_type { /* RFC 1035 s3.2.2 and later; others pass as numbers */
	DNS_A = 1,
	DNS_NS = 2,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_AAAA = 28,
	DNS_OPT = 41,
	DNS_AXFR = 252,
	DNS_ANY = 255,
};

enum dns_rcode { /* RFC 1035 s4.1.1, RFC 6891 s9 */
	DNS_NOERROR = 0,
	DNS_FORMERR = 1,
	DNS_SERVFAIL = 2,
	DNS_NXDOMAIN = 3,
	DNS_NOTIMP = 4,
	DNS_REFUSED = 5,
	DNS_BADVERS = 16, /* needs an OPT record in the answer */
};

struct dns_question {
	uint16_t id;
	uint8_t opcode;
	bool recurse; /* RD, given back */
	bool edns;
	uint8_t edns_version;
	size_t room; /* octets that the asker takes */
	const uint8_t *wire; /* name, type and class as they came; borrowed */
	size_t wire_n;
	char name[DNS_NAME_TEXT]; /* lower case, no dot at the end; "": the root */
	uint16_t type, class;
};

enum dns_verdict {
	DNS_ASKED, /* *out is whole */
	DNS_REPROACH, /* a query, but malformed: answer out->id with FORMERR */
	DNS_IGNORE, /* an answer, or too short for one: never reply */
};

/* dns_question_parse() - n untrusted octets */
must_check enum dns_verdict dns_question_parse(const void *m, size_t n,
					       struct dns_question *out);

/* An answer being written. Order: begin, answers, authority, end. */
struct dns_answer {
	struct writer w;
	const struct dns_question *q;
	unsigned answers, authority;
	enum dns_rcode rcode;
	bool ours; /* AA */
};

/* dns_answer_begin() - header and question into room octets at out */
void dns_answer_begin(struct dns_answer *a, const struct dns_question *q, void *out,
		      size_t room);

/* dns_answer_address() - an A or AAAA record of the name asked for */
void dns_answer_address(struct dns_answer *a, const struct ipaddr *ip, uint32_t ttl_s);
/* dns_answer_name() - a PTR or NS record of the name asked for; name: dotted text */
void dns_answer_name(struct dns_answer *a, enum dns_type type, const char *name,
		     uint32_t ttl_s);
/**
 * dns_answer_soa() - Who says so; RFC 1035 s3.3.13, for a denial RFC 2308 s3
 * @zone:    Owner: dotted text, the name asked for or a suffix of it
 * @server:  Primary server, dotted text
 * @denial:  It goes to the authority section
 * @ttl_s:   Also how long a denial may be kept
 */
void dns_answer_soa(struct dns_answer *a, const char *zone, const char *server,
		    uint32_t serial, bool denial, uint32_t ttl_s);
/**
 * dns_answer_end() - Octets of the answer; 0: it does not even fit without records
 *
 * What does not fit into the asker's room leaves with TC and without records: RFC 2181
 * s9. The asker would come by TCP, where nobody listens: names of ours fit.
 */
size_t dns_answer_end(struct dns_answer *a);

/* dns_reproach() - FORMERR to a query that cannot be read; DNS_HEADER octets */
size_t dns_reproach(uint16_t id, void *out);
