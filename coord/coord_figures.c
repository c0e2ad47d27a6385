/* SPDX-License-Identifier: MIT
 *
 * coord_figures.c - the server's figures for Prometheus (pure)
 */
#include "coord/coord_figures.h"

#include "base/attr.h"
#include "relay/relay_figures.h"

void coord_figures_fill(struct metrics *m, const struct server_stats *s,
		  const struct relay_service_stats *relay)
{
	const struct {
		const char *name;
		enum metrics_kind kind;
		const char *help;
		uint64_t v;
	} rows[] = {
		{ "adit_coord_connections", METRICS_GAUGE,
		  "Nodes connected.", s->connections },
		{ "adit_coord_refused_total", METRICS_COUNTER,
		  "Connections turned away.", s->refused },
		{ "adit_coord_logins_total", METRICS_COUNTER,
		  "Logins of members.", s->logins },
		{ "adit_coord_joins_total", METRICS_COUNTER,
		  "Nodes that joined.", s->joins },
		{ "adit_coord_full_maps_total", METRICS_COUNTER,
		  "Netmaps sent whole.", s->full_maps },
		{ "adit_coord_deltas_total", METRICS_COUNTER,
		  "Netmaps sent as changes.", s->deltas },
		{ "adit_coord_signals_total", METRICS_COUNTER,
		  "Messages carried between nodes.", s->signals },
		{ "adit_coord_signals_over_budget_total", METRICS_COUNTER,
		  "Messages between nodes over their budget.",
		  s->signals_over_budget },
		{ "adit_coord_unknown_total", METRICS_COUNTER,
		  "Messages of unknown type.", s->unknown },
		{ "adit_coord_over_rate_total", METRICS_COUNTER,
		  "Connections over the rate of their source.", s->over_rate },
	};

	metrics_family(m, "adit_build_info", METRICS_GAUGE,
		       "1, with the version as label.");
	metrics_sample(m, "version", ADIT_VERSION, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		metrics_one(m, rows[i].name, rows[i].kind, rows[i].help,
			    rows[i].v);
	relay_figures_fill(m, relay);
}
