/* SPDX-License-Identifier: MIT
 *
 * fuzz_dns.c - any query gets an answer of bounded size, or none; never an answer's answer
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "daemon/dns.h"
#include "daemon/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct names_host hosts[] = {
	{ .name = "build-box" },
	{ .name = "web" },
};

static void fill(struct names *z)
{
	hosts[0].v4 = ipaddr_v4(0x645a0005);
	hosts[1].v4 = ipaddr_v4(0x645a0006);
	assert(ipaddr_parse("fd00::6", &hosts[1].v6));
	names_init(z, "adit.internal");
	z->hosts = hosts;
	z->count = 2;
	strcpy(z->self, "web");
	assert(prefix_parse("100.90.0.0/16", &z->overlay[0]));
	assert(prefix_parse("fd00::/64", &z->overlay[1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[DNS_EDNS_MAX];
	struct names z;
	size_t n;

	fill(&z);
	n = names_answer(&z, data, size, out, sizeof(out));
	assert(n <= sizeof(out));
	if (size < DNS_HEADER || data[2] & 0x80) {
		assert(n == 0);
		return 0;
	}
	if (!n)
		return 0;
	assert(n >= DNS_HEADER && !memcmp(out, data, 2));
	assert(out[2] & 0x80);
	/* what we say is never a question */
	assert(names_answer(&z, out, n, out, sizeof(out)) == 0);
	return 0;
}
