/* SPDX-License-Identifier: MIT
 *
 * server_policy.c - what an administrator says of access: policies, approval
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "coord/proto.h"
#include "coord/session.h"

static const char database[] =
	"the database refused; see the server's log and its disk";

/* ---- keeping ---- */

static int write_version(struct registry *r, uint64_t version)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, version);
	return registry_set_setting(r, "policy_version", text);
}

bool server_load_policy(struct server *s, char why[static 256])
{
	struct access *a = &s->members.access;
	struct policy_error wrong = { 0 };
	char *text = registry_policy(s->p.registry, NULL, NULL);
	char version[24] = "0", approve[8] = "off";

	(void)!registry_setting(s->p.registry, "policy_version", version,
				sizeof(version));
	(void)!registry_setting(s->p.registry, "approve", approve,
				sizeof(approve));
	s->approve = !strcmp(approve, "on");
	a->version = strtoull(version, NULL, 10);
	a->stale = true;
	if (!text)
		return true;
	a->policy = policy_parse(text, strlen(text), &wrong);
	free(text);
	if (!a->policy)
		snprintf(why, 256, "the stored policy cannot be read, line %u: "
			 "%.150s; was it set by a newer adit-coord?", wrong.line,
			 wrong.text);
	return a->policy != NULL;
}

/* ---- telling ---- */

/* put_in_force() - nodes get what differs between the old access and the new */
static void put_in_force(struct server *s, struct policy *p, uint64_t version)
{
	struct members *m = &s->members;
	struct access before = m->access;

	m->access = (struct access){ .policy = p, .version = version,
				     .stale = true };
	members_settle(m);
	server_store(s);
	if (m->offer_count) /* who may use which is another question now */
		m->relays_version = version;
	for (struct session *x = s->sessions; x; x = x->next) {
		if (!x->member || x->sent >= version)
			continue;
		if (x->sent < before.version || x->sent < x->member->changed)
			continue; /* it gets a whole map, with the next push */
		members_policy_map(m, &before, x->member, x->sent,
				   server_wall_s(), server_tell_part, x);
		server_told(x);
	}
	access_done(&before);
	server_push(s);
}

/* ---- asking ---- */

static const char *sentence(char out[static 512], const struct policy_error *e)
{
	/* The reader puts the file's name in front. */
	snprintf(out, 512, "%u: %s", e->line, e->text);
	return out;
}

static struct policy *read_policy(const struct server *s, const char *text,
				  char why[static 512])
{
	struct policy_error wrong = { 0 };
	struct policy *p = policy_parse(text, strlen(text), &wrong);

	if (p && access_test(p, s->members.all, s->members.count, &wrong))
		return p;
	policy_free(p);
	sentence(why, &wrong);
	return NULL;
}

const char *server_policy_check(struct server *s, const char *text, json_t *out,
				char why[static 512])
{
	struct policy *p = read_policy(s, text, why);

	if (!p)
		return why;
	proto_set_number(out, "rules", policy_rules(p));
	proto_set_number(out, "tests", policy_tests(p));
	proto_set_number(out, "nodes", s->members.count);
	policy_free(p);
	return NULL;
}

/* change() - in the registry, whole or not at all; text NULL: back to the one before */
static bool change(struct server *s, const char *text, uint64_t version)
{
	struct registry *r = s->p.registry;
	bool ok = version && !registry_begin(r);

	if (!ok)
		return false;
	ok = !(text ? registry_policy_add(r, text, server_wall_s()) :
		      registry_policy_drop(r)) &&
	     !write_version(r, version) && !registry_commit(r);
	if (!ok)
		registry_rollback(r);
	return ok;
}

const char *server_policy_set(struct server *s, const char *text,
			      char why[static 512])
{
	struct policy *p = read_policy(s, text, why);
	uint64_t version;

	if (!p)
		return why;
	members_settle(&s->members);
	server_push(s);
	version = members_next_version(&s->members);
	if (!change(s, text, version)) {
		policy_free(p);
		return database;
	}
	put_in_force(s, p, version);
	log_info("policy: %u rules in force", policy_rules(p));
	return NULL;
}

const char *server_policy_rollback(struct server *s, json_t *out,
				   char why[static 512])
{
	struct policy_error wrong = { 0 };
	struct policy *p = NULL;
	uint64_t since = 0, version;
	unsigned kept = 0;
	char *text;

	if (!s->members.access.policy)
		return "there is no policy to go back from";
	members_settle(&s->members);
	server_push(s);
	version = members_next_version(&s->members);
	if (!change(s, NULL, version))
		return database;
	text = registry_policy(s->p.registry, &since, &kept);
	if (text)
		p = policy_parse(text, strlen(text), &wrong);
	if (text && !p) {
		free(text);
		return sentence(why, &wrong);
	}
	put_in_force(s, p, version);
	proto_set_number(out, "kept", kept);
	proto_set_number(out, "since", since);
	proto_set_bool(out, "none", !p);
	free(text);
	log_info("policy: rolled back%s", p ? "" : "; there is none now");
	return NULL;
}

/* ---- approval ---- */

const char *server_set_approve(struct server *s, bool on)
{
	if (registry_set_setting(s->p.registry, "approve", on ? "on" : "off"))
		return database;
	s->approve = on;
	return NULL;
}

const char *server_approve(struct server *s, const char *node)
{
	struct member *n = members_by_name(&s->members, node);
	struct registry_node row;
	uint64_t version;

	if (!n)
		return "there is no node of that name; adit-coord nodes lists them";
	if (!n->row.waiting)
		return "that node was approved before";
	row = n->row;
	row.waiting = false;
	row.changed = version = members_next_version(&s->members);
	if (!version || registry_node_set(s->p.registry, &row) < 0)
		return database;
	n->row = row;
	members_changed(&s->members, n, version);
	if (n->session)
		server_send_token(n->session, time_now());
	server_push(s);
	log_info("node %s: approved", n->row.name);
	return NULL;
}
