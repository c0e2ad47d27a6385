/* SPDX-License-Identifier: MIT
 *
 * options.c - the options of all commands in one table: parse, usage, completion
 */
#include "daemon/cli/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_FLAG,
	KIND_TEXT,
	KIND_NUMBER, /* 1..COUNT_MAX */
};

enum {
	COUNT_MAX = 100000,
	ANYWHERE = 0, /* instead of an enum cli_option: every command takes it */
};

struct option_row {
	const char *name, *letter; /* letter may be NULL */
	const char *argument; /* its name in the usage; NULL: a flag */
	enum kind kind;
	unsigned option;
	size_t offset;
};

#define INTO(member) offsetof(struct cli_args, member)

static const struct option_row rows[] = {
	{ "--socket", NULL, "PATH", KIND_TEXT, ANYWHERE, INTO(socket) },
	{ "--help", "-h", NULL, KIND_FLAG, ANYWHERE, INTO(help) },
	{ "--hostname", NULL, "NAME", KIND_TEXT, OPTION_HOSTNAME,
	  INTO(hostname) },
	{ "--wait", NULL, NULL, KIND_FLAG, OPTION_WAIT, INTO(wait) },
	{ "--count", "-c", "N", KIND_NUMBER, OPTION_COUNT, INTO(count) },
	{ "--until-direct", NULL, NULL, KIND_FLAG, OPTION_UNTIL_DIRECT,
	  INTO(until_direct) },
	{ "--redact-addresses", NULL, NULL, KIND_FLAG,
	  OPTION_REDACT_ADDRESSES, INTO(redact_addresses) },
	{ "--json", NULL, NULL, KIND_FLAG, OPTION_JSON, INTO(json) },
};

static bool complain(const char *what, const char *which)
{
	fprintf(stderr, "adit: %s %s; see: adit --help\n", what, which);
	return false;
}

/* names() - word is this option; *value is set for "--name=value" */
static bool names(const struct option_row *r, const char *word,
		  const char **value)
{
	size_t n = strlen(r->name);

	*value = NULL;
	if (r->letter && !strcmp(word, r->letter))
		return true;
	if (strncmp(word, r->name, n))
		return false;
	if (word[n] == '=')
		*value = word + n + 1;
	return !word[n] || word[n] == '=';
}

static const struct option_row *find_option(const char *word,
					    const char **value)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (names(&rows[i], word, value))
			return &rows[i];
	return NULL;
}

static bool store(const struct option_row *r, const char *value,
		  struct cli_args *out)
{
	void *at = (char *)out + r->offset;
	char *end;
	long n;

	switch (r->kind) {
	case KIND_FLAG:
		*(bool *)at = true;
		return true;
	case KIND_TEXT:
		*(const char **)at = value;
		return true;
	case KIND_NUMBER:
		n = strtol(value, &end, 10);
		if (end == value || *end || n < 1 || n > COUNT_MAX)
			return complain("allowed is 1 to 100000 for", r->name);
		*(unsigned *)at = (unsigned)n;
		return true;
	}
	return false;
}

/* take_option() - argv[0], and argv[1] if it is its value; *given collects bits */
static bool take_option(char ***argv, unsigned *given, struct cli_args *out)
{
	const char *word = *(*argv)++;
	const char *value;
	const struct option_row *r = find_option(word, &value);

	if (!r)
		return complain("unknown option", word);
	if (r->kind == KIND_FLAG && value)
		return complain("no value is allowed for", r->name);
	if (r->kind != KIND_FLAG && !value)
		value = *(*argv) ? *(*argv)++ : NULL;
	if (r->kind != KIND_FLAG && (!value || !*value))
		return complain("a value is missing for", r->name);
	*given |= r->option;
	return store(r, value, out);
}

static bool fits(const struct cli_command *c, unsigned given,
		 const struct cli_args *a)
{
	if (a->help)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].option & given & ~c->options) {
			fprintf(stderr, "adit: %s does not take %s; see: "
				"adit --help\n", c->name, rows[i].name);
			return false;
		}
	if (a->operand && !c->operand)
		return complain("unexpected argument", a->operand);
	if (a->second && !c->second)
		return complain("unexpected argument", a->second);
	if ((!a->operand && c->operand && !c->operand_optional) ||
	    (!a->second && c->second)) {
		fprintf(stderr, "adit: usage: adit %s %s%s%s\n", c->name,
			c->operand, c->second ? " " : "",
			c->second ? c->second : "");
		return false;
	}
	return true;
}

const struct cli_command *
options_parse(char **argv, const struct cli_command *(*find)(const char *name),
	      struct cli_args *out)
{
	const struct cli_command *c = NULL;
	bool options_end = false;
	unsigned given = 0;

	while (*argv) {
		const char *word = *argv;

		if (!options_end && !strcmp(word, "--")) {
			options_end = true;
			argv++;
		} else if (!options_end && word[0] == '-' && word[1]) {
			if (!take_option(&argv, &given, out))
				return NULL;
		} else if (!c) {
			c = find(*argv++);
			if (!c)
				return complain("unknown command", word), NULL;
		} else if (!out->operand) {
			out->operand = *argv++;
		} else if (!out->second) {
			out->second = *argv++;
		} else {
			return complain("unexpected argument", word), NULL;
		}
	}
	if (!c)
		c = find("status");
	return fits(c, given, out) ? c : NULL;
}

void options_usage(const struct cli_command *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct option_row *r = &rows[i];

		if (!(r->option & c->options))
			continue;
		printf(" [%s%s%s]", r->letter ? r->letter : r->name,
		       r->argument ? " " : "", r->argument ? r->argument : "");
	}
}

void options_words(const struct cli_command *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].option == ANYWHERE || rows[i].option & c->options)
			puts(rows[i].name);
}
