/* SPDX-License-Identifier: MIT
 *
 * nat64.c - IPv4 addresses from a network that has IPv6 alone
 */
#include "base/nat64.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum {
	RESERVED = 8, /* the octet that stays zero, RFC 6052 section 2.2 */
	SEEN_MAX = 32, /* translators of one life of the process */
	PREF64 = 38, /* RFC 8781 section 4: type, length in units of 8 octets, */
	PREF64_OCTETS = 16, /* 13 bits of lifetime, 3 of prefix length, 12 octets */
	LIFETIME_UNIT_S = 8,
};

/* is_unicast() - of a network's own: what somebody says here must not lead elsewhere */
static bool is_unicast(const struct ipaddr *a)
{
	enum addr_class c = ipaddr_class(a);

	return c == ADDR_CLASS_GLOBAL || c == ADDR_CLASS_PRIVATE ||
	       c == ADDR_CLASS_TRANSLATION;
}

bool nat64_make(const struct prefix *p, struct nat64 *out)
{
	if (prefix_is_v4(p) || p->bits < 32 || p->bits > 96 || p->bits % 8 ||
	    (p->bits > 64 && p->bits < 96))
		return false;
	if (p->bits == 96 && p->ip.b[RESERVED])
		return false;
	if (!is_unicast(&p->ip))
		return false;
	out->prefix = *p;
	return true;
}

/* place() - the octet of the IPv6 address in which octet i of the IPv4 address lies */
static unsigned place(const struct nat64 *t, unsigned i)
{
	unsigned at = t->prefix.bits / 8U + i;

	return at >= RESERVED && t->prefix.bits <= 64 ? at + 1 : at;
}

struct ipaddr nat64_embed(const struct nat64 *t, const struct ipaddr *v4)
{
	struct ipaddr a = t->prefix.ip;

	for (unsigned i = 0; i < 4; i++)
		a.b[place(t, i)] = v4->b[12 + i];
	return a;
}

bool nat64_extract(const struct nat64 *t, const struct ipaddr *v6, struct ipaddr *v4)
{
	uint8_t b[4];

	if (!prefix_contains(&t->prefix, v6))
		return false;
	for (unsigned i = 0; i < 4; i++)
		b[i] = v6->b[place(t, i)];
	*v4 = ipaddr_from_v4(b);
	return true;
}

/* is_known() - one of the two addresses of NAT64_NAME */
static bool is_known(const struct ipaddr *v4)
{
	static const uint8_t known[3] = { 192, 0, 0 };

	return !memcmp(v4->b + 12, known, 3) &&
	       (v4->b[15] == 170 || v4->b[15] == 171);
}

bool nat64_find(const struct ipaddr *a, unsigned count, struct nat64 *out)
{
	static const uint8_t lengths[] = { 96, 64, 56, 48, 40, 32 };

	for (unsigned i = 0; i < count; i++)
		for (unsigned k = 0; k < sizeof(lengths); k++) {
			struct prefix p = prefix_make(a[i], lengths[k]);
			struct nat64 t;
			struct ipaddr v4;

			if (ipaddr_is_v4(&a[i]) || !nat64_make(&p, &t) ||
			    !nat64_extract(&t, &a[i], &v4) || !is_known(&v4))
				continue;
			*out = t;
			return true;
		}
	return false;
}

bool nat64_advertised(const uint8_t *option, size_t octets, struct nat64 *out,
		      unsigned *lifetime_s)
{
	static const uint8_t lengths[] = { 96, 64, 56, 48, 40, 32 };
	struct ipaddr ip = { 0 };
	struct prefix p;
	unsigned word;

	if (octets < PREF64_OCTETS || option[0] != PREF64 ||
	    option[1] != PREF64_OCTETS / 8)
		return false;
	word = (unsigned)option[2] << 8 | option[3];
	if ((word & 7) >= sizeof(lengths))
		return false;
	memcpy(ip.b, option + 4, 12);
	p = prefix_make(ip, lengths[word & 7]);
	if (!nat64_make(&p, out))
		return false;
	*lifetime_s = (word >> 3) * LIFETIME_UNIT_S;
	return true;
}

/* ---- the network that this machine is in ---- */

/* What was entered once stays: another thread may hold it. */
static struct nat64 seen[SEEN_MAX];
static unsigned seen_count;
static _Atomic(const struct nat64 *) here;

int nat64_enter(const struct nat64 *t)
{
	unsigned i = 0;

	while (i < seen_count && !prefix_eq(&seen[i].prefix, &t->prefix))
		i++;
	if (i == SEEN_MAX)
		return -ENOSPC;
	if (i == seen_count)
		seen[seen_count++] = *t;
	atomic_store(&here, &seen[i]);
	return 0;
}

void nat64_leave(void)
{
	atomic_store(&here, NULL);
}

const struct nat64 *nat64_here(void)
{
	return atomic_load_explicit(&here, memory_order_acquire);
}
