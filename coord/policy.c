/* SPDX-License-Identifier: MIT
 *
 * policy.c - the policy file: its parser
 *
 * Groups and hosts are written out while reading; lists of the same content are kept
 * once, so that a thousand lines about one group hold it once.
 */
#include "coord/policy.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/name.h"
#include "coord/policy_lines.h"

enum {
	SERVICES_MAX = 256, /* of one line */
	RULE_TEXT = 28, /* octets of a rule in the netmap, at most */
};

/* ---- growing ---- */

/* grow() - room for one more; false: no memory */
static bool grow(void *array, unsigned count, unsigned *room, size_t size)
{
	void *old, *more;
	unsigned want = *room ? 2 * *room : 16;

	if (count < *room)
		return true;
	memcpy(&old, array, sizeof(old));
	more = realloc(old, want * size);
	if (!more)
		return false;
	memcpy(array, &more, sizeof(more));
	*room = want;
	return true;
}

/* intern() - the number of a list of this content; takes it over */
static bool intern(struct policy *p, struct rules_list *l, uint32_t *out)
{
	for (unsigned i = 0; i < p->list_count; i++) {
		if (!rules_list_eq(&p->lists[i], l))
			continue;
		rules_list_done(l);
		*out = i;
		return true;
	}
	if (!grow(&p->lists, p->list_count, &p->list_room, sizeof(*p->lists)))
		return false;
	p->lists[p->list_count] = *l;
	*out = p->list_count++;
	*l = (struct rules_list){ 0 };
	return true;
}

/* ---- one line being read ---- */

struct reading {
	struct policy *p;
	struct policy_error *why;
	unsigned line;
	bool in_test;
	unsigned test_line; /* where the block began */
	char *at; /* what is left of the line */
};

static bool __attribute__((format(printf, 2, 3)))
refuse(struct reading *r, const char *format, ...)
{
	va_list ap;

	r->why->line = r->line;
	va_start(ap, format);
	vsnprintf(r->why->text, sizeof(r->why->text), format, ap);
	va_end(ap);
	return false;
}

static bool no_memory(struct reading *r)
{
	return refuse(r, "out of memory");
}

/* word() - the next word, or NULL; commas between words say nothing */
static char *word(struct reading *r)
{
	char *w = r->at + strspn(r->at, " \t\r,");
	size_t n = strcspn(w, " \t\r");

	if (!n)
		return NULL;
	r->at = w + n;
	if (*r->at)
		*r->at++ = 0;
	while (n && w[n - 1] == ',')
		w[--n] = 0;
	return w;
}

static const struct policy_naming *find_name(const struct policy *p, bool host,
				      const char *name)
{
	for (unsigned i = 0; i < p->name_count; i++)
		if (p->names[i].host == host && !strcmp(p->names[i].name, name))
			return &p->names[i];
	return NULL;
}

static bool add_selector(struct reading *r, struct rules_list *l,
			 const struct rules_selector *s)
{
	if (r->p->selectors >= POLICY_SELECTORS_MAX)
		return refuse(r, "more than %u names and prefixes, groups written "
			      "out; use tags", POLICY_SELECTORS_MAX);
	r->p->selectors++;
	return !rules_list_add(l, s) || no_memory(r);
}

static bool add_named(struct reading *r, struct rules_list *l, bool host,
		      const char *name)
{
	const struct policy_naming *n = find_name(r->p, host, name);
	const struct rules_list *from;

	if (!n)
		return refuse(r, "there is no %s %.64s above this line",
			      host ? "host" : "group", name);
	from = &r->p->lists[n->list];
	for (unsigned i = 0; i < from->count; i++)
		if (!add_selector(r, l, &from->s[i]))
			return false;
	return true;
}

/* label() - a node or a tag */
static bool label(struct reading *r, struct rules_list *l, enum rules_kind kind,
		  const char *name)
{
	struct rules_selector s = { .kind = kind };

	if (!name_valid(name))
		return refuse(r, "'%.64s' is no name: a-z, 0-9 and -, 63 at most",
			      name);
	snprintf(s.name, sizeof(s.name), "%s", name);
	return add_selector(r, l, &s);
}

/* net() - a prefix; host bits are a slip and refused */
static bool net(struct reading *r, struct rules_list *l, const char *text)
{
	struct rules_selector s = { .kind = RULES_SELECT_NET };
	char ip[ADDR_TEXT], clean[ADDR_TEXT];
	struct ipaddr given;

	if (!prefix_parse(text, &s.net))
		return refuse(r, "'%.64s' is no address or prefix, as 10.1.2.3, "
			      "10.0.0.0/8 or fd00::/8", text);
	snprintf(ip, sizeof(ip), "%.*s", (int)strcspn(text, "/"), text);
	if (ipaddr_parse(ip, &given) && !ipaddr_eq(&given, &s.net.ip))
		return refuse(r, "'%.64s' has bits behind its length; write %s",
			      text, prefix_text(&s.net, clean));
	return add_selector(r, l, &s);
}

static bool who(struct reading *r, struct rules_list *l, const char *w)
{
	if (!strcmp(w, "any"))
		return add_selector(r, l, &(struct rules_selector){
						  .kind = RULES_SELECT_ANY });
	if (!strncmp(w, "tag:", 4))
		return label(r, l, RULES_SELECT_TAG, w + 4);
	if (!strncmp(w, "node:", 5))
		return label(r, l, RULES_SELECT_NODE, w + 5);
	if (!strncmp(w, "group:", 6))
		return add_named(r, l, false, w + 6);
	if (!strncmp(w, "host:", 5))
		return add_named(r, l, true, w + 5);
	if (strpbrk(w, ":/") || strspn(w, "0123456789.") == strlen(w))
		return net(r, l, w);
	return label(r, l, RULES_SELECT_NODE, w);
}

static const char no_to[] = "'to' is missing: allow WHO to WHO on SERVICE";

/* misplaced() - "to" or "on" where the other or none belongs */
static bool misplaced(struct reading *r, const char *end, const char *w)
{
	if (end && !strcmp(end, "to"))
		return refuse(r, "%s", no_to);
	return refuse(r, "'%s' stands where a name belongs; a node of that name is "
		      "node:%s", w, w);
}

/* whos() - words up to `end` (NULL: of the line); ended: was it there? */
static bool whos(struct reading *r, const char *end, bool hosts, bool *ended,
		 uint32_t *out)
{
	struct rules_list l = { 0 };
	bool ok = true;
	char *w;

	*ended = false;
	while (ok && !*ended && (w = word(r))) {
		*ended = end && !strcmp(w, end);
		if (!*ended && (!strcmp(w, "to") || !strcmp(w, "on")))
			ok = misplaced(r, end, w);
		else if (!*ended)
			ok = hosts ? net(r, &l, w) : who(r, &l, w);
	}
	if (ok && !l.count)
		ok = refuse(r, "nothing is named before %s",
			    *ended ? end : "the end of the line");
	if (ok)
		ok = intern(r->p, &l, out) || no_memory(r);
	rules_list_done(&l);
	return ok;
}

/* ---- services ---- */

static bool number(const char *text, size_t n, unsigned long max, uint16_t *out)
{
	char copy[8];
	unsigned long v;

	if (!n || n > 5 || strspn(text, "0123456789") < n)
		return false;
	memcpy(copy, text, n);
	copy[n] = 0;
	v = strtoul(copy, NULL, 10);
	*out = (uint16_t)v;
	return v <= max;
}

static bool add_service(struct reading *r, uint8_t protocol, uint16_t first,
			uint16_t last)
{
	struct policy *p = r->p;

	if (p->service_count >= POLICY_ALLOW_MAX)
		return refuse(r, "more than %u services in all lines",
			      POLICY_ALLOW_MAX);
	if (!grow(&p->services, p->service_count, &p->service_room,
		  sizeof(*p->services)))
		return no_memory(r);
	p->services[p->service_count++] =
		(struct policy_service){ protocol, first, last };
	return true;
}

static bool ports(struct reading *r, uint8_t protocol, const char *text)
{
	uint16_t first, last;
	size_t n, dash;

	do {
		n = strcspn(text, ",");
		dash = strcspn(text, ",-");
		if (!number(text, dash, UINT16_MAX, &first))
			return refuse(r, "'%.*s' is no port: 0 to 65535, or N-M",
				      (int)(n < 64 ? n : 64), text);
		last = first;
		if (dash < n && !number(text + dash + 1, n - dash - 1, UINT16_MAX,
					&last))
			return refuse(r, "'%.*s' is no range of ports, as 8000-8080",
				      (int)(n < 64 ? n : 64), text);
		if (last < first)
			return refuse(r, "the range %u-%u ends before it begins",
				      first, last);
		if (!add_service(r, protocol, first, last))
			return false;
		text += n;
	} while (*text++ == ',');
	return true;
}

static bool service(struct reading *r, const char *w)
{
	static const struct {
		const char *name;
		uint8_t protocol;
	} plain[] = { { "any", RULES_ANY },
		      { "icmp", RULES_ICMP },
		      { "tcp", PROTOCOL_TCP },
		      { "udp", PROTOCOL_UDP } };
	uint16_t n;

	for (unsigned i = 0; i < ARRAY_SIZE(plain); i++)
		if (!strcmp(w, plain[i].name))
			return add_service(r, plain[i].protocol, 0, UINT16_MAX);
	if (!strncmp(w, "tcp:", 4))
		return ports(r, PROTOCOL_TCP, w + 4);
	if (!strncmp(w, "udp:", 4))
		return ports(r, PROTOCOL_UDP, w + 4);
	if (strncmp(w, "proto:", 6))
		return refuse(r, "'%.64s' is no service: any, icmp, tcp:22, "
			      "udp:53, tcp:80,8000-8080 or proto:47", w);
	if (!number(w + 6, strlen(w + 6), UINT8_MAX, &n) || !n)
		return refuse(r, "'%.64s' is no protocol number: 1 to 255", w + 6);
	return add_service(r, n == 58 ? RULES_ICMP : (uint8_t)n, 0, UINT16_MAX);
}

static bool services(struct reading *r, bool given, struct policy_line *l)
{
	char *w;

	l->service = r->p->service_count;
	if (!given && !add_service(r, RULES_ANY, 0, UINT16_MAX))
		return false;
	while (given && (w = word(r)))
		if (!service(r, w))
			return false;
	l->service_count = r->p->service_count - l->service;
	if (!l->service_count)
		return refuse(r, "no service is named behind 'on'");
	return l->service_count <= SERVICES_MAX ||
	       refuse(r, "more than %u services on one line", SERVICES_MAX);
}

/* ---- statements ---- */

static bool from_to_on(struct reading *r, struct policy_line *l)
{
	bool ended;

	l->number = r->line;
	if (!whos(r, "to", false, &ended, &l->from))
		return false;
	if (!ended)
		return refuse(r, "%s", no_to);
	return whos(r, "on", false, &ended, &l->to) && services(r, ended, l);
}

static bool take_allow(struct reading *r)
{
	struct policy *p = r->p;
	struct policy_line l = { 0 };

	if (!from_to_on(r, &l))
		return false;
	if (!grow(&p->rules, p->rule_count, &p->rule_room, sizeof(*p->rules)))
		return no_memory(r);
	p->rules[p->rule_count++] = l;
	return true;
}

static bool is_single(const struct rules_selector *s)
{
	unsigned bits = prefix_is_v4(&s->net) ? 32 : 128;

	return s->kind != RULES_SELECT_ANY &&
	       (s->kind != RULES_SELECT_NET ||
		prefix_family_bits(&s->net) == bits);
}

/* A test asks about machines and ports, one by one, so that its answer is yes or no. */
static bool testable(struct reading *r, const struct policy_line *l)
{
	const uint32_t lists[2] = { l->from, l->to };

	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < r->p->lists[lists[k]].count; i++)
			if (!is_single(&r->p->lists[lists[k]].s[i]))
				return refuse(r, "a test names nodes, tags or "
					      "single addresses, not any or a "
					      "range");
	for (unsigned i = 0; i < l->service_count; i++) {
		const struct policy_service *s = &r->p->services[l->service + i];

		if (s->protocol == RULES_ANY ||
		    ((s->protocol == PROTOCOL_TCP ||
		      s->protocol == PROTOCOL_UDP) && s->first != s->last))
			return refuse(r, "a test names single ports, as tcp:22");
	}
	return true;
}

static bool take_test(struct reading *r, bool accept)
{
	struct policy *p = r->p;
	struct policy_line l = { .accept = accept };

	if (!from_to_on(r, &l) || !testable(r, &l))
		return false;
	if (!grow(&p->tests, p->test_count, &p->test_room, sizeof(*p->tests)))
		return no_memory(r);
	p->tests[p->test_count++] = l;
	return true;
}

static bool take_naming(struct reading *r, bool host)
{
	const char *kind = host ? "host" : "group";
	struct policy *p = r->p;
	struct policy_naming n = { .host = host, .line = r->line };
	const struct policy_naming *before;
	char *name = word(r), *equals = word(r);
	bool ended;

	if (!name || !name_valid(name))
		return refuse(r, "a %s has a name: a-z, 0-9 and -, 63 at most",
			      kind);
	if (!equals || strcmp(equals, "="))
		return refuse(r, "'=' with blanks around it is missing behind "
			      "%s %.64s", kind, name);
	before = find_name(p, host, name);
	if (before)
		return refuse(r, "%s %.64s was defined on line %u", kind, name,
			      before->line);
	if (p->name_count >= POLICY_NAMES_MAX)
		return refuse(r, "more than %u groups and hosts",
			      POLICY_NAMES_MAX);
	snprintf(n.name, sizeof(n.name), "%s", name);
	if (!whos(r, NULL, host, &ended, &n.list))
		return false;
	if (!grow(&p->names, p->name_count, &p->name_room, sizeof(*p->names)))
		return no_memory(r);
	p->names[p->name_count++] = n;
	return true;
}

static bool nothing_more(struct reading *r, const char *behind)
{
	char *w = word(r);

	return !w || refuse(r, "'%.64s' behind '%s' means nothing", w, behind);
}

static bool take_in_test(struct reading *r, const char *w)
{
	if (!strcmp(w, "accept") || !strcmp(w, "deny"))
		return take_test(r, *w == 'a');
	if (strcmp(w, "end"))
		return refuse(r, "'%.64s' in a test block: accept, deny or end", w);
	r->in_test = false;
	return nothing_more(r, "end");
}

static bool take_line(struct reading *r)
{
	char *w;

	r->at[strcspn(r->at, "#")] = 0;
	w = word(r);
	if (!w)
		return true;
	if (r->in_test)
		return take_in_test(r, w);
	if (!strcmp(w, "allow"))
		return take_allow(r);
	if (!strcmp(w, "group") || !strcmp(w, "host"))
		return take_naming(r, *w == 'h');
	if (strcmp(w, "test"))
		return refuse(r, "'%.64s' begins no statement: allow, group, host "
			      "or test%s", w, strcmp(w, "deny") ? "" :
			      " (what is not allowed is denied)");
	r->in_test = true;
	r->test_line = r->line;
	return nothing_more(r, "test");
}

static bool read_lines(struct reading *r, const char *text, size_t n)
{
	char line[POLICY_LINE_MAX + 1];

	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t k = end ? (size_t)(end - text) : n;

		r->line++;
		if (k > POLICY_LINE_MAX)
			return refuse(r, "the line is longer than %u octets",
				      POLICY_LINE_MAX);
		if (memchr(text, 0, k))
			return refuse(r, "the line holds a NUL");
		memcpy(line, text, k);
		line[k] = 0;
		r->at = line;
		if (!take_line(r))
			return false;
		text += k + (end != NULL);
		n -= k + (end != NULL);
	}
	r->line = r->test_line;
	return !r->in_test || refuse(r, "this test block has no 'end'");
}

/* fits_message() - a node's rules leave in one message, see PROTO_MESSAGE_MAX */
static bool fits_message(struct reading *r)
{
	const struct policy *p = r->p;
	size_t n = 0;
	char text[80];

	for (unsigned i = 0; i < p->list_count; i++)
		for (unsigned k = 0; k < p->lists[i].count; k++)
			n += strlen(rules_selector_text(&p->lists[i].s[k], text)) +
			     3;
	for (unsigned i = 0; i < p->rule_count; i++) {
		const struct rules_list *to = &p->lists[p->rules[i].to];
		unsigned times = 1; /* for the node, and for nets behind it */

		for (unsigned k = 0; k < to->count; k++)
			if (to->s[k].kind == RULES_SELECT_NET)
				times = 2;
		n += (size_t)p->rules[i].service_count * times * RULE_TEXT;
	}
	r->line = 0;
	return n <= POLICY_RULES_MAX ||
	       refuse(r, "the rules are too many for one message to a node: %zu "
		      "octets, %u at most; use tags and ranges of ports", n,
		      POLICY_RULES_MAX);
}

struct policy *policy_parse(const char *text, size_t n, struct policy_error *why)
{
	struct reading r = { .p = calloc(1, sizeof(*r.p)), .why = why };
	bool ok;

	if (!r.p)
		ok = no_memory(&r);
	else if (n > POLICY_TEXT_MAX)
		ok = refuse(&r, "the file is larger than %u octets",
			    POLICY_TEXT_MAX);
	else
		ok = read_lines(&r, text, n) && fits_message(&r);
	if (ok)
		return r.p;
	policy_free(r.p);
	return NULL;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->list_count; i++)
		rules_list_done(&p->lists[i]);
	free(p->lists);
	free(p->services);
	free(p->rules);
	free(p->tests);
	free(p->names);
	free(p);
}

unsigned policy_rules(const struct policy *p)
{
	return p->rule_count;
}

unsigned policy_tests(const struct policy *p)
{
	return p->test_count;
}
