/* SPDX-License-Identifier: MIT
 *
 * acl_bench.c - what an access check costs per packet, with 10,000 rules
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "coord/policy.h"
#include "daemon/acl.h"

enum {
	RULES = 10000,
	PACKETS = 10 * 1000 * 1000,
};

static struct policy *make_policy(void)
{
	char *text = malloc(RULES * 64), *at = text;
	struct policy_error why;
	struct policy *p;

	for (unsigned i = 0; i < RULES; i++)
		at += sprintf(at, "allow tag:t%u node-%u to any on tcp:%u\n", i % 100,
			      i, 1000 + i * 5 % 50000);
	p = policy_parse(text, (size_t)(at - text), &why);
	free(text);
	return p;
}

static void measure(const char *what, const struct acl *a, struct flows *f,
		    const uint8_t *packet, size_t n, bool outbound)
{
	struct flows_memo memo = { 0 };
	nsec_t start = time_now(), took;
	unsigned passed = 0;

	for (unsigned i = 0; i < PACKETS; i++) {
		if (outbound)
			flows_outbound(f, packet, n, start);
		else
			passed += acl_inbound(a, f, &memo, 0, packet, n, start) ==
				  DROP_NONE;
	}
	took = time_now() - start;
	printf("%-36s %6.1f ns a packet, %u of %u pass\n", what,
	       (double)took / PACKETS, passed, PACKETS);
}

int main(void)
{
	/* 100.64.0.2 port 40000 to 100.64.0.1 */
	uint8_t tcp[1400] = { 0x45, 0, 5, 120, 0, 0, 0, 0, 64, 6, 0, 0, 100, 64, 0, 2,
			      100, 64, 0, 1, 0x9c, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
			      0x50, 0x10 };
	uint8_t own[40];
	struct rules_node us = { .name = "us", .v4 = ipaddr_v4(0x64400001) };
	struct acl_peer peer = { .node = { .name = "node-7", .tags = "t1,t2,t3",
					   .v4 = ipaddr_v4(0x64400002) } };
	nsec_t start = time_now();
	struct policy *p = make_policy();
	struct rules *r = p ? policy_compile(p, &us) : NULL;
	struct flows f;
	struct acl *a;

	if (!r || flows_init(&f) < 0)
		return EXIT_FAILURE;
	printf("%u rules parsed and compiled in %.1f ms\n", RULES,
	       (double)(time_now() - start) / 1e6);
	start = time_now();
	a = acl_new(r, &us, (struct prefix[2]){ { { { 0 } }, 0 } }, &peer, 1);
	printf("table made in %.1f ms\n", (double)(time_now() - start) / 1e6);
	tcp[22] = 1005 >> 8;
	tcp[23] = 1005 & 255; /* tag t1 */
	measure("allowed by a rule", a, &f, tcp, sizeof(tcp), false);
	tcp[22] = 0xff;
	measure("denied", a, &f, tcp, sizeof(tcp), false);
	memcpy(own, tcp, sizeof(own));
	memcpy(own + 12, tcp + 16, 4);
	memcpy(own + 16, tcp + 12, 4);
	memcpy(own + 20, tcp + 22, 2);
	memcpy(own + 22, tcp + 20, 2);
	own[2] = 0;
	own[3] = 40;
	own[33] = 2; /* SYN */
	measure("outbound, begins a flow", a, &f, own, sizeof(own), true);
	own[33] = 0x10;
	measure("outbound, goes on", a, &f, own, sizeof(own), true);
	measure("answer to what we began", a, &f, tcp, sizeof(tcp), false);
	acl_free(a);
	rules_free(r);
	policy_free(p);
	flows_done(&f);
	return 0;
}
