/* SPDX-License-Identifier: MIT
 *
 * policy_command.c - adit-coord policy check, set, show, rollback
 *
 * The file is read and parsed here, so that what is wrong with it is said with its name
 * and without a server; the server asks its tests of the members that it has.
 */
#include "coord/policy_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "coord/admin.h"
#include "coord/policy.h"
#include "coord/proto.h"

enum {
	WRONG_USAGE = 2,
};

static int fail_at(const char *file, const char *why)
{
	/* "LINE: reason" belongs behind the file's name */
	if (*why >= '0' && *why <= '9')
		fprintf(stderr, "%s:%s\n", file, why);
	else
		fprintf(stderr, "adit-coord: %s\n", why);
	return EXIT_FAILURE;
}

static int fail_line(const char *file, const struct policy_error *e)
{
	if (e->line)
		fprintf(stderr, "%s:%u: %s\n", file, e->line, e->text);
	else
		fprintf(stderr, "%s: %s\n", file, e->text);
	return EXIT_FAILURE;
}

static struct policy *read_policy(const char *file, char **text)
{
	struct policy_error wrong = { 0 };
	struct policy *p;
	size_t n;
	int err = file_read(file, POLICY_TEXT_MAX, text, &n);

	if (err) {
		fprintf(stderr, "adit-coord: cannot read %s: %s\n", file,
			err == -EFBIG ? "it is larger than 1 MiB" : strerror(-err));
		return NULL;
	}
	p = policy_parse(*text, n, &wrong);
	if (p)
		return p;
	fail_line(file, &wrong);
	free(*text);
	return NULL;
}

static json_t *ask(const struct settings *s, const char *what, const char *text,
		   char why[static 512])
{
	json_t *request = json_object(), *result;

	proto_set_text(request, "cmd", what);
	if (text)
		proto_set_text(request, "text", text);
	result = admin_ask(s->socket, request, why);
	json_decref(request);
	return result;
}

/* check_here() - no server answers: names stand for machines without tags */
static int check_here(const char *file, const struct policy *p)
{
	struct policy_error wrong = { 0 };

	if (!policy_test(p, NULL, 0, &wrong))
		return fail_line(file, &wrong);
	printf("%s: %u rules, %u tests hold; no server was asked, so no node has "
	       "tags\n", file, policy_rules(p), policy_tests(p));
	return 0;
}

static int check(const struct settings *s, const char *file)
{
	char why[512], *text;
	struct policy *p = read_policy(file, &text);
	json_t *result;
	int status = 0;

	if (!p)
		return EXIT_FAILURE;
	result = ask(s, "policy-check", text, why);
	if (result)
		printf("%s: %u rules, %u tests hold, with the %u nodes of now\n",
		       file, policy_rules(p), policy_tests(p),
		       (unsigned)proto_number(result, "nodes"));
	else if (*why >= '0' && *why <= '9')
		status = fail_at(file, why);
	else
		status = check_here(file, p);
	json_decref(result);
	policy_free(p);
	free(text);
	return status;
}

static int set(const struct settings *s, const char *file)
{
	char why[512], *text;
	struct policy *p = read_policy(file, &text);
	json_t *result;

	if (!p)
		return EXIT_FAILURE;
	policy_free(p);
	result = ask(s, "policy-set", text, why);
	free(text);
	if (!result)
		return fail_at(file, why);
	json_decref(result);
	return 0;
}

static int show(const struct settings *s)
{
	char why[512];
	json_t *result = ask(s, "policy-show", NULL, why);
	const char *text;

	if (!result)
		return fail_at("", why);
	text = proto_text(result, "text");
	fputs(text ? text : "# no policy: every member may reach every other\n",
	      stdout);
	if (text && *text && text[strlen(text) - 1] != '\n')
		putchar('\n');
	json_decref(result);
	return 0;
}

static int roll_back(const struct settings *s)
{
	char why[512];
	json_t *result = ask(s, "policy-rollback", NULL, why);
	time_t since;
	char at[32] = "";
	struct tm tm;

	if (!result)
		return fail_at("the policy before", why);
	since = (time_t)proto_number(result, "since");
	if (gmtime_r(&since, &tm))
		strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (proto_bool(result, "none"))
		printf("no policy is in force: every member may reach every "
		       "other\n");
	else
		printf("the policy of %s is in force\n", at);
	json_decref(result);
	return 0;
}

int policy_command(const struct settings *s, int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "check"))
		return check(s, argv[2]);
	if (argc == 3 && !strcmp(argv[1], "set"))
		return set(s, argv[2]);
	if (argc == 2 && !strcmp(argv[1], "show"))
		return show(s);
	if (argc == 2 && !strcmp(argv[1], "rollback"))
		return roll_back(s);
	fprintf(stderr, "adit-coord: write: policy check FILE, policy set FILE, "
		"policy show or policy rollback\n");
	return WRONG_USAGE;
}
