/* SPDX-License-Identifier: MIT
 *
 * coord_figures.h - the server's figures for Prometheus (pure)
 */
#pragma once

#include "base/metrics.h"
#include "coord/server.h"
#include "relay/service.h"

/* coord_figures_fill() - the page of a scrape; the relay's part as relay/relay_figures.h has it */
void coord_figures_fill(struct metrics *m, const struct server_stats *s,
		  const struct relay_service_stats *relay);
