/* SPDX-License-Identifier: MIT
 *
 * test_members_map.c - what a node is told of changes, before and after a restart
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "coord/members.h"
#include "coord/proto.h"
#include "coord/record.h"

enum {
	PARTS_MAX = 8,
};

static struct registry *r;
static struct members m;
static struct member *a, *b, *c;

static json_t *parts[PARTS_MAX];
static bool first[PARTS_MAX];
static unsigned part_count;

/* A session is looked at by the server alone: here it is there or not. */
static struct session *const somebody = (struct session *)&parts;

static struct member *member(struct members *to, unsigned n)
{
	struct registry_node row = { .v4 = ipaddr_v4(0x645a0000u + n) };
	struct member *out;

	memcpy(row.machine.b, &n, sizeof(n));
	memcpy(row.tunnel.b, &n, sizeof(n));
	row.tunnel.b[31] = 1;
	snprintf(row.name, sizeof(row.name), "n%u", n);
	row.v6.b[0] = 0xfd;
	memcpy(row.v6.b + 8, &n, sizeof(n));
	row.changed = members_next_version(to);
	assert_int_equal(registry_node_add(to->registry, &row), 0);
	out = members_add(to, &row);
	assert_non_null(out);
	out->takes_brief = true;
	return out;
}

static void set_online(struct members *of, struct member *n, bool online)
{
	n->session = online ? somebody : NULL;
	members_set_online(of, n, online);
}

static void publish(struct members *of, struct member *n, unsigned port)
{
	char text[128];
	json_t *o;

	snprintf(text, sizeof(text), "{\"generation\":%u,\"candidates\":"
		 "[{\"at\":\"192.0.2.1:%u\",\"kind\":5}],\"rtt\":[20]}", port, port);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	record_published_read(o, &n->node);
	n->heard = true;
	members_touch(of, n);
	json_decref(o);
}

static void forget_parts(void)
{
	while (part_count)
		json_decref(parts[--part_count]);
}

static int setup(void **state)
{
	char text[256];

	(void)state;
	r = registry_open(":memory:", text);
	if (!r || members_load(&m, r))
		return -1;
	assert_true(prefix_parse("100.90.0.0/16", &m.overlay[0]));
	assert_true(prefix_parse("fd00::/48", &m.overlay[1]));
	a = member(&m, 1);
	b = member(&m, 2);
	c = member(&m, 3);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forget_parts();
	members_done(&m);
	registry_close(r);
	return 0;
}

static void take_part(void *owner, const struct members_part *part)
{
	(void)owner;
	assert_in_range(part_count, 0, PARTS_MAX - 1);
	parts[part_count] = json_loadb(part->text, part->n, JSON_REJECT_DUPLICATES,
				       NULL);
	assert_non_null(parts[part_count]);
	assert_int_equal(part->full, proto_bool(parts[part_count], "full"));
	first[part_count++] = part->first;
}

/* told() - how many messages tell the viewer what is new since that version */
static unsigned told(struct members *of, const struct member *viewer, uint64_t from)
{
	bool some;

	forget_parts();
	some = members_map(of, viewer, from, 1, take_part, NULL);
	assert_int_equal(some, part_count > 0);
	return part_count;
}

static unsigned size(unsigned part, const char *list)
{
	return (unsigned)json_array_size(json_object_get(parts[part], list));
}

static uint64_t id_in(unsigned part, const char *list, unsigned i)
{
	json_t *o = json_array_get(json_object_get(parts[part], list), i);

	return json_is_object(o) ? proto_number(o, "id") :
				   (uint64_t)json_integer_value(o);
}

static void online_costs_an_id(void **state)
{
	uint64_t held = m.version;

	(void)state;
	set_online(&m, b, true);
	set_online(&m, c, true);
	set_online(&m, c, false);
	assert_int_equal(told(&m, a, held), 1);
	assert_int_equal(size(0, "peers"), 0);
	assert_int_equal(size(0, "online"), 1);
	assert_int_equal(id_in(0, "online", 0), b->row.id);
	assert_int_equal(size(0, "offline"), 1);
	assert_int_equal(id_in(0, "offline", 0), c->row.id);
	assert_int_equal(proto_number(parts[0], "from"), held);
	assert_int_equal(proto_number(parts[0], "version"), m.version);
	assert_int_equal(told(&m, a, m.version), 0);
	members_set_online(&m, b, true); /* as it is */
	assert_int_equal(told(&m, a, m.version), 0);
}

static void an_older_program_gets_records(void **state)
{
	uint64_t held = m.version;

	(void)state;
	a->takes_brief = false;
	set_online(&m, b, true);
	assert_int_equal(told(&m, a, held), 1);
	assert_null(json_object_get(parts[0], "online"));
	assert_int_equal(size(0, "peers"), 1);
	assert_int_equal(id_in(0, "peers", 0), b->row.id);
	assert_true(proto_bool(json_array_get(json_object_get(parts[0], "peers"), 0),
			       "online"));
}

static void a_record_is_written_anew_when_it_changes(void **state)
{
	uint64_t held = m.version;
	json_t *record;

	(void)state;
	publish(&m, b, 4000);
	assert_int_equal(told(&m, a, held), 1);
	record = json_array_get(json_object_get(parts[0], "peers"), 0);
	assert_int_equal(proto_number(record, "generation"), 4000);
	assert_false(proto_bool(record, "online"));
	set_online(&m, b, true);
	publish(&m, b, 5000);
	assert_int_equal(told(&m, a, held), 1);
	assert_null(json_object_get(parts[0], "online")); /* the record has it */
	record = json_array_get(json_object_get(parts[0], "peers"), 0);
	assert_int_equal(proto_number(record, "generation"), 5000);
	assert_true(proto_bool(record, "online"));
}

/* restart() - another run on what the registry has */
static void restart(struct members *again)
{
	*again = (struct members){ 0 };
	assert_int_equal(members_load(again, r), 0);
	memcpy(again->overlay, m.overlay, sizeof(m.overlay));
	assert_int_equal(again->count, m.count);
	for (unsigned i = 0; i < again->count; i++)
		again->all[i]->takes_brief = true;
}

static void a_restart_is_told_by_ids(void **state)
{
	struct members again;
	uint64_t held;

	(void)state;
	publish(&m, b, 4000);
	publish(&m, c, 4000);
	set_online(&m, b, true);
	assert_int_equal(members_store(&m), 0);
	held = m.version;
	restart(&again);
	set_online(&again, again.all[1], true);
	assert_int_equal(told(&again, again.all[0], held), 1);
	assert_true(proto_bool(parts[0], "reset"));
	assert_false(proto_bool(parts[0], "full"));
	assert_int_equal(size(0, "peers"), 0);
	assert_int_equal(size(0, "online"), 1);
	assert_int_equal(id_in(0, "online", 0), b->row.id);
	assert_int_equal(again.all[1]->node.candidates.count, 1);
	assert_true(again.all[1]->heard);
	/* One that was away when b published gets b's record. */
	assert_int_equal(told(&again, again.all[0], b->version - 1), 1);
	assert_int_equal(size(0, "peers"), 2);
	assert_int_equal(size(0, "online"), 0);
	members_done(&again);
}

/* Nothing is taken for known that may have been told and lost. */
static void what_was_not_stored_is_not_known(void **state)
{
	struct members again;

	(void)state;
	publish(&m, b, 4000);
	restart(&again);
	assert_false(again.all[1]->heard);
	assert_int_equal(again.all[1]->node.candidates.count, 0);
	members_done(&again);
}

/* One whose membership has ended is forgotten by the others; that is not stored. */
static void who_was_forgotten_is_news(void **state)
{
	struct members again;

	(void)state;
	publish(&m, b, 4000);
	assert_int_equal(members_store(&m), 0);
	assert_int_equal(members_unhear(&m, b), 0);
	assert_false(members_unstored(&m));
	restart(&again);
	assert_false(again.all[1]->heard);
	members_done(&again);
	publish(&m, b, 4000);
	assert_true(members_unstored(&m));
	assert_int_equal(members_store(&m), 0);
	restart(&again);
	assert_true(again.all[1]->heard);
	members_done(&again);
}

static void what_is_stored_is_stored_once(void **state)
{
	uint64_t at;

	(void)state;
	assert_int_equal(members_store(&m), 0);
	assert_int_equal(a->stored, 0); /* nobody has heard of it */
	publish(&m, b, 4000);
	assert_int_equal(members_store(&m), 0);
	at = b->version;
	assert_int_equal(b->stored, at);
	set_online(&m, b, true);
	assert_int_equal(members_store(&m), 0);
	assert_int_equal(b->stored, at);
	/* A registry that refuses is asked again. */
	publish(&m, b, 5000);
	assert_int_equal(registry_begin(r), 0); /* ours cannot begin now */
	assert_int_equal(members_store(&m), -5);
	registry_rollback(r);
	assert_int_equal(b->stored, at);
	assert_int_equal(members_store(&m), 0);
	assert_int_equal(b->stored, b->version);
}

static void many_records_leave_in_parts(void **state)
{
	uint64_t held = a->version;
	unsigned all = 0;

	(void)state;
	for (unsigned i = 4; i <= 2 * PROTO_PART_PEERS; i++)
		member(&m, i);
	assert_int_equal(told(&m, a, 0), 2);
	assert_true(first[0] && !first[1]);
	assert_true(proto_bool(parts[0], "more") && !proto_bool(parts[1], "more"));
	for (unsigned i = 0; i < part_count; i++)
		all += size(i, "peers");
	assert_int_equal(all, m.count - 1);
	/* Of a delta only the last part moves on. */
	assert_int_equal(told(&m, a, held), 2);
	assert_int_equal(proto_number(parts[0], "version"), held);
	assert_int_equal(proto_number(parts[1], "version"), m.version);
	assert_int_equal(proto_number(parts[1], "from"), held);
}

#define STEP(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP(online_costs_an_id),
		STEP(an_older_program_gets_records),
		STEP(a_record_is_written_anew_when_it_changes),
		STEP(a_restart_is_told_by_ids),
		STEP(what_was_not_stored_is_not_known),
		STEP(who_was_forgotten_is_news),
		STEP(what_is_stored_is_stored_once),
		STEP(many_records_leave_in_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
