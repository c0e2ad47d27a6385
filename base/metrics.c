/* SPDX-License-Identifier: MIT
 *
 * metrics.c - a page of figures in Prometheus' text format, version 0.0.4
 */
#include "base/metrics.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/drop.h"

void metrics_init(struct metrics *m, char *out, size_t room)
{
	*m = (struct metrics){ .out = out, .room = room };
	if (room)
		out[0] = 0;
}

static void printf_like(2, 3) put(struct metrics *m, const char *format, ...)
{
	va_list args;
	int n;

	if (m->full)
		return;
	va_start(args, format);
	n = vsnprintf(m->out + m->n, m->room - m->n, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= m->room - m->n)
		m->full = true;
	else
		m->n += (size_t)n;
}

void metrics_family(struct metrics *m, const char *name, enum metrics_kind kind,
		    const char *help)
{
	size_t at = m->n;

	m->family = name;
	put(m, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	    kind == METRICS_COUNTER ? "counter" : "gauge");
	if (m->full)
		m->n = at;
}

/* put_quoted() - \, " and line feeds get a backslash; other control octets a '?' */
static void put_quoted(struct metrics *m, const char *value)
{
	for (; *value; value++) {
		if (*value == '\\' || *value == '"')
			put(m, "\\%c", *value);
		else if (*value == '\n')
			put(m, "\\n");
		else if ((unsigned char)*value < ' ')
			put(m, "?");
		else
			put(m, "%c", *value);
	}
}

void metrics_sample(struct metrics *m, const char *label, const char *value,
		    uint64_t v)
{
	size_t at = m->n;

	put(m, "%s", m->family);
	if (label) {
		put(m, "{%s=\"", label);
		put_quoted(m, value);
		put(m, "\"}");
	}
	put(m, " %" PRIu64 "\n", v);
	if (m->full)
		m->n = at;
}

void metrics_one(struct metrics *m, const char *name, enum metrics_kind kind,
		 const char *help, uint64_t v)
{
	metrics_family(m, name, kind, help);
	metrics_sample(m, NULL, NULL, v);
}

void metrics_drops(struct metrics *m, const uint64_t *n)
{
	metrics_family(m, "adit_drops_total", METRICS_COUNTER,
		       "Packets discarded, by reason.");
	for (int d = 1; d < DROP_COUNT; d++)
		metrics_sample(m, "reason", drop_name((enum drop)d), n[d]);
}
