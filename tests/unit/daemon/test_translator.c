/* SPDX-License-Identifier: MIT
 *
 * test_translator.c - when the network's NAT64 is looked for, used and left
 *
 * Routes, the resolver and the sockets are stood in for; the rest is as in the daemon.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/resolve.h"
#include "daemon/discovery.h"
#include "daemon/translator.h"

static struct node *n;
static bool routes[2]; /* IPv4, IPv6 */
static unsigned renewed;
static void (*answered)(void *, const struct ipaddr *, unsigned, const char *);
static void *asker;

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t octets);
struct resolve *__wrap_resolve_start(struct loop *l, const char *name,
				     void (*fn)(void *, const struct ipaddr *,
						unsigned, const char *),
				     void *owner);
void __wrap_resolve_cancel(struct resolve *r);
void __wrap_discovery_renew_ipv4(struct node *node, nsec_t now);

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t octets)
{
	(void)fd;
	(void)octets;
	if (routes[to->sa_family == AF_INET6])
		return 0;
	errno = ENETUNREACH;
	return -1;
}

struct resolve *__wrap_resolve_start(struct loop *l, const char *name,
				     void (*fn)(void *, const struct ipaddr *,
						unsigned, const char *),
				     void *owner)
{
	assert_string_equal(name, "ipv4only.arpa");
	assert_null(answered); /* one at a time */
	answered = fn;
	asker = owner;
	return (struct resolve *)l; /* anything but NULL */
}

void __wrap_resolve_cancel(struct resolve *r)
{
	if (r)
		answered = NULL;
}

void __wrap_discovery_renew_ipv4(struct node *node, nsec_t now)
{
	(void)now;
	assert_ptr_equal(node, n);
	renewed++;
}

static int setup(void **state)
{
	(void)state;
	n = calloc(1, sizeof(*n));
	if (!n || loop_init(&n->loop))
		return -1;
	routes[0] = false;
	routes[1] = true;
	renewed = 0;
	answered = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	translator_stop(n);
	assert_null(nat64_here());
	loop_done(&n->loop);
	free(n);
	return 0;
}

static void answer(const char *address)
{
	void (*fn)(void *, const struct ipaddr *, unsigned, const char *) = answered;
	struct ipaddr a;

	assert_non_null(fn);
	answered = NULL;
	if (address)
		assert_true(ipaddr_parse(address, &a));
	fn(asker, &a, address ? 1 : 0, address ? NULL : "no such name");
}

static void in_use(const char *prefix, enum translator_source how)
{
	enum translator_source got;
	const struct nat64 *t = translator_status(n, &got);
	char text[ADDR_TEXT];

	assert_int_equal(got, how);
	assert_int_equal(t != NULL, prefix != NULL);
	assert_ptr_equal(nat64_here(), t);
	if (prefix)
		assert_string_equal(prefix_text(&t->prefix, text), prefix);
}

static void own_address(const char *text, bool tunnel)
{
	struct host_address *h = &n->hosts[n->host_count++];

	assert_true(ipaddr_parse(text, &h->ip));
	h->tunnel = tunnel;
}

static void advertise(const char *prefix, unsigned lifetime_s, nsec_t now)
{
	struct prefix p;
	struct nat64 t;

	assert_true(prefix_parse(prefix, &p));
	assert_true(nat64_make(&p, &t));
	translator_advertised(n, &t, lifetime_s, now);
}

/* with IPv4, even if it is only next door or by a translator of the host's own */
static void left_alone_with_ipv4(void **state)
{
	(void)state;
	routes[0] = true;
	assert_int_equal(translator_start(n, SEC(1)), 0);
	assert_null(answered);
	routes[0] = false;
	own_address("10.0.0.2", false);
	translator_network_changed(n, SEC(2));
	assert_null(answered);
	advertise("2001:db8:64::/96", 600, SEC(3));
	in_use(NULL, TRANSLATOR_NONE);
	assert_int_equal(renewed, 0);
}

/* other VPNs' and link-local addresses are no IPv4 */
static void found_by_name(void **state)
{
	(void)state;
	own_address("10.99.0.1", true);
	own_address("169.254.1.1", false);
	assert_int_equal(translator_start(n, SEC(1)), 0);
	answer("2001:db8:64::c000:aa");
	in_use("2001:db8:64::/96", TRANSLATOR_BY_NAME);
	assert_int_equal(renewed, 1);
	translator_network_changed(n, SEC(2));
	answer("2001:db8:64::c000:ab");
	assert_int_equal(renewed, 1); /* the same: nothing is opened anew */
	routes[0] = true;
	translator_network_changed(n, SEC(3));
	in_use(NULL, TRANSLATOR_NONE);
	assert_int_equal(renewed, 2);
}

static void assumed_if_nobody_names_it(void **state)
{
	(void)state;
	assert_int_equal(translator_start(n, SEC(1)), 0);
	routes[1] = false;
	answer(NULL);
	in_use(NULL, TRANSLATOR_NONE); /* no IPv6 either */
	routes[1] = true;
	translator_network_changed(n, SEC(2));
	answer("2001:db8::1");
	in_use("64:ff9b::/96", TRANSLATOR_ASSUMED);
}

static void a_routers_word_goes_first(void **state)
{
	(void)state;
	assert_int_equal(translator_start(n, SEC(1)), 0);
	answer("2001:db8:64::c000:aa");
	advertise("2001:db8:65::/96", 600, SEC(2));
	in_use("2001:db8:65::/96", TRANSLATOR_ADVERTISED);
	advertise("2001:db8:66::/96", 0, SEC(3)); /* not the one in use */
	in_use("2001:db8:65::/96", TRANSLATOR_ADVERTISED);
	advertise("2001:db8:65::/96", 0, SEC(4));
	answer("2001:db8:64::c000:aa");
	in_use("2001:db8:64::/96", TRANSLATOR_BY_NAME);
}

static void a_routers_word_expires(void **state)
{
	(void)state;
	assert_int_equal(translator_start(n, SEC(1)), 0);
	answer(NULL);
	advertise("2001:db8:65::/96", 600, SEC(2));
	translator_network_changed(n, SEC(601));
	in_use("2001:db8:65::/96", TRANSLATOR_ADVERTISED);
	translator_network_changed(n, SEC(603));
	answer("2001:db8:64::c000:aa");
	in_use("2001:db8:64::/96", TRANSLATOR_BY_NAME);
}

static void pcp_stands_between(void **state)
{
	struct prefix p;
	struct nat64 t;

	(void)state;
	assert_true(prefix_parse("2001:db8:67::/96", &p));
	assert_true(nat64_make(&p, &t));
	assert_int_equal(translator_start(n, SEC(1)), 0);
	translator_by_pcp(n, NULL, SEC(1));
	translator_by_pcp(n, &t, SEC(2));
	in_use("2001:db8:67::/96", TRANSLATOR_BY_PCP);
	answer("2001:db8:64::c000:aa"); /* late */
	in_use("2001:db8:67::/96", TRANSLATOR_BY_PCP);
	assert_int_equal(renewed, 1);
	advertise("2001:db8:65::/96", 600, SEC(3));
	in_use("2001:db8:65::/96", TRANSLATOR_ADVERTISED);
	advertise("2001:db8:65::/96", 0, SEC(4));
	in_use("2001:db8:67::/96", TRANSLATOR_BY_PCP);
	translator_by_pcp(n, NULL, SEC(5));
	answer("2001:db8:64::c000:aa");
	in_use("2001:db8:64::/96", TRANSLATOR_BY_NAME);
}

/* an answer that is still out when IPv4 comes does no harm */
static void question_is_dropped(void **state)
{
	(void)state;
	assert_int_equal(translator_start(n, SEC(1)), 0);
	assert_non_null(answered);
	routes[0] = true;
	translator_network_changed(n, SEC(2));
	assert_null(answered);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_routers_word_expires),
		TEST(pcp_stands_between),
		TEST(a_routers_word_goes_first),
		TEST(assumed_if_nobody_names_it),
		TEST(found_by_name),
		TEST(left_alone_with_ipv4),
		TEST(question_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
