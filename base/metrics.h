/* SPDX-License-Identifier: MIT
 *
 * metrics.h - a page of figures in Prometheus' text format, version 0.0.4
 *
 * Pure: writes into the caller's memory, bounded. Whoever answers a scrape begins a page,
 * adds families and their samples in order, and sends what came of it with
 * METRICS_TYPE as its content type.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_kind {
	METRICS_COUNTER, /* only grows; its name ends in _total */
	METRICS_GAUGE,
};

struct metrics {
	char *out;
	size_t room, n;
	bool full; /* something did not fit and was left out */
	const char *family; /* borrowed */
};

/* metrics_init() - an empty page in out */
void metrics_init(struct metrics *m, char *out, size_t room);

/* metrics_family() - the samples that follow are of this name; help: one plain sentence */
void metrics_family(struct metrics *m, const char *name, enum metrics_kind kind,
		    const char *help);

/**
 * metrics_sample() - One value of the family
 * @label: Name of its one label, or NULL for none
 * @value: Of the label; any octets: quoted as the format asks
 * A sample that does not fit is left out whole, and m->full is set.
 */
void metrics_sample(struct metrics *m, const char *label, const char *value,
		    uint64_t v);

/* metrics_one() - a family of one sample without label */
void metrics_one(struct metrics *m, const char *name, enum metrics_kind kind,
		 const char *help, uint64_t v);

/* metrics_drops() - adit_drops_total by reason, in the words of base/drop.h; n: DROP_COUNT
 * counters */
void metrics_drops(struct metrics *m, const uint64_t *n);
