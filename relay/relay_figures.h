/* SPDX-License-Identifier: MIT
 *
 * relay_figures.h - a relay's figures for Prometheus (pure)
 */
#pragma once

#include "base/metrics.h"
#include "relay/service.h"

void relay_figures_fill(struct metrics *m, const struct relay_service_stats *s);
