/* SPDX-License-Identifier: MIT
 *
 * test_ikeport.c - when port 500 is tried, taken and left
 *
 * The NAT check and the sockets are stood in for; tests/netns/hard_nats.sh has the real ones.
 */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/discovery.h"
#include "daemon/ikeport.h"
#include "traversal/natcheck.h"

static struct node *n;
static struct natcheck_report report;
static unsigned tries, renewed;
static int open_error;

int __real_udp_open(struct udp *u, const struct udp_params *p);
int __wrap_udp_open(struct udp *u, const struct udp_params *p);
void __wrap_discovery_renew_ipv4(struct node *node, nsec_t now);
bool __wrap_natcheck_running(const struct natcheck *nc);
bool __wrap_natcheck_poll(struct natcheck *nc, struct natcheck_send *out, nsec_t now);
const struct natcheck_report *__wrap_natcheck_report(struct natcheck *nc, bool *changed);

int __wrap_udp_open(struct udp *u, const struct udp_params *p)
{
	struct udp_params any = *p;

	tries++;
	assert_int_equal(p->local.port, 500);
	any.local.port = 0;
	return open_error ? open_error : __real_udp_open(u, &any);
}

void __wrap_discovery_renew_ipv4(struct node *node, nsec_t now)
{
	(void)now;
	assert_ptr_equal(node, n);
	renewed++;
}

bool __wrap_natcheck_running(const struct natcheck *nc)
{
	(void)nc;
	return false;
}

bool __wrap_natcheck_poll(struct natcheck *nc, struct natcheck_send *out, nsec_t now)
{
	(void)nc;
	(void)out;
	(void)now;
	return false;
}

const struct natcheck_report *__wrap_natcheck_report(struct natcheck *nc, bool *changed)
{
	(void)nc;
	*changed = false;
	return &report;
}

static int setup(void **state)
{
	(void)state;
	n = calloc(1, sizeof(*n));
	if (!n || loop_init(&n->loop) || ikeport_start(n))
		return -1;
	n->conf.ike_port = 1;
	n->nat = (struct nat_profile){ .known = true, .mapping_varies = true };
	report = (struct natcheck_report){ .udp = true, .profile.known = true };
	tries = renewed = 0;
	open_error = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ikeport_stop(n);
	loop_done(&n->loop);
	free(n);
	return 0;
}

static void taken_where_it_is_spared(void **state)
{
	(void)state;
	ikeport_consider(n, SEC(1));
	assert_int_equal(ikeport_in_use(n), 500);
	assert_int_equal(renewed, 1);
	ikeport_consider(n, SEC(2));
	assert_int_equal(tries, 1);
	ikeport_network_changed(n, SEC(3));
	assert_int_equal(ikeport_in_use(n), 0);
	assert_int_equal(renewed, 2); /* back to our own */
}

static void left_where_it_is_not(void **state)
{
	(void)state;
	report.profile.mapping_varies = true;
	ikeport_consider(n, SEC(1));
	ikeport_consider(n, SEC(2));
	assert_int_equal(ikeport_in_use(n), 0);
	assert_int_equal(tries, 1); /* once in a network */
	assert_int_equal(renewed, 0);
	ikeport_network_changed(n, SEC(3));
	ikeport_consider(n, SEC(4));
	assert_int_equal(tries, 2);
}

/* no answer says nothing: the port that works stays */
static void left_without_an_answer(void **state)
{
	(void)state;
	report = (struct natcheck_report){ 0 };
	ikeport_consider(n, SEC(1));
	assert_int_equal(ikeport_in_use(n), 0);
	assert_int_equal(renewed, 0);
}

static void not_tried_without_need(void **state)
{
	(void)state;
	n->nat.mapping_varies = false;
	ikeport_consider(n, SEC(1));
	n->nat.mapping_varies = true;
	n->nat.known = false;
	ikeport_consider(n, SEC(2));
	n->nat.known = true;
	n->conf.ike_port = 0;
	ikeport_consider(n, SEC(3));
	assert_int_equal(tries, 0);
}

static void another_program_keeps_it(void **state)
{
	(void)state;
	open_error = -EADDRINUSE;
	ikeport_consider(n, SEC(1));
	ikeport_consider(n, SEC(2));
	assert_int_equal(tries, 1);
	assert_int_equal(ikeport_in_use(n), 0);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(another_program_keeps_it),
		TEST(left_where_it_is_not),
		TEST(left_without_an_answer),
		TEST(not_tried_without_need),
		TEST(taken_where_it_is_spared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
