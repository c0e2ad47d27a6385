/* SPDX-License-Identifier: MIT
 *
 * policy_lines.h - a policy in memory; for policy.c and policy_answer.c alone
 */
#pragma once

#include "coord/policy.h"

enum {
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
};

struct policy_service {
	uint8_t protocol;
	uint16_t first, last;
};

struct policy_line { /* allow, accept, deny */
	unsigned number;
	bool accept; /* test lines: must it pass? */
	uint32_t from, to; /* lists */
	uint32_t service, service_count;
};

struct policy_naming { /* group, host */
	char name[RULES_NAME];
	bool host;
	unsigned line;
	uint32_t list;
};

struct policy {
	struct rules_list *lists;
	unsigned list_count, list_room;
	unsigned selectors;
	struct policy_service *services;
	unsigned service_count, service_room;
	struct policy_line *rules, *tests;
	unsigned rule_count, rule_room, test_count, test_room;
	struct policy_naming *names;
	unsigned name_count, name_room;
};
