/* SPDX-License-Identifier: MIT
 *
 * cmd_ping.c - adit ping: a line per reply with the path it took
 */
#include <stdio.h>

#include "daemon/cli/ask.h"

enum {
	COUNT = 4,
	COUNT_UNTIL_DIRECT = 30, /* the bound of --until-direct */
	TIMEOUT_S = 20, /* longest silence: a lost reply is an event too */
};

struct pinging {
	const struct cli_args *args;
	unsigned replies;
	bool direct; /* one of them came by a direct path */
};

static void print_reply(const json_t *event)
{
	const json_t *rtt = json_object_get(event, "rtt_ms");
	char seq[SHOW_CELL], time[SHOW_CELL], path[SHOW_CELL];

	show_member(event, "seq", seq);
	if (json_is_number(rtt))
		printf("seq=%s %s %s\n", seq, show_rtt(rtt, time),
		       show_path(json_object_get(event, "path"), path));
	else
		printf("seq=%s lost\n", seq);
	fflush(stdout);
}

static bool reply(void *owner, const json_t *event)
{
	struct pinging *p = owner;
	bool came = json_is_number(json_object_get(event, "rtt_ms"));

	p->replies += came;
	if (came && show_is_direct(json_object_get(event, "path")))
		p->direct = true;
	if (p->args->json)
		return true; /* the result has them all */
	print_reply(event);
	return !(p->direct && p->args->until_direct);
}

/* count_replies() - of the result, should the events not have told */
static void count_replies(struct pinging *p, const json_t *result)
{
	const json_t *replies = json_object_get(result, "replies");
	const json_t *r;
	size_t i;

	p->replies = 0;
	json_array_foreach(replies, i, r) {
		if (!json_is_number(json_object_get(r, "rtt_ms")))
			continue;
		p->replies++;
		if (show_is_direct(json_object_get(r, "path")))
			p->direct = true;
	}
}

static int verdict(const struct pinging *p)
{
	char peer[SHOW_CELL];

	show_text(p->args->operand, peer, sizeof(peer));
	if (!p->replies) {
		fprintf(stderr, "adit: no reply from %s; ask: adit why %s\n",
			peer, peer);
		return EXIT_REFUSED;
	}
	if (p->args->until_direct && !p->direct) {
		fprintf(stderr, "adit: no direct path to %s yet; ask: adit "
			"why %s\n", peer, peer);
		return EXIT_REFUSED;
	}
	return EXIT_DONE;
}

int cmd_ping(const struct cli_args *a)
{
	struct pinging p = { .args = a };
	const struct ask_events events = { &p, reply };
	unsigned count = a->count;
	json_t *result = NULL;
	int status;

	if (!count)
		count = a->until_direct ? COUNT_UNTIL_DIRECT : COUNT;
	status = ask(a,
		     json_pack("{s:s,s:s,s:i,s:b}", "cmd", "ping", "peer",
			       a->operand, "count", (int)count, "until_direct",
			       (int)a->until_direct),
		     TIMEOUT_S, &events, &result);
	if (status)
		return status;
	if (result)
		count_replies(&p, result);
	if (result && a->json)
		status = show_json(result);
	json_decref(result);
	return status ? status : verdict(&p);
}
