/* SPDX-License-Identifier: MIT
 *
 * figures.h - the node's figures for Prometheus, and its dropped packets by reason
 */
#pragma once

#include "base/metrics.h"
#include "daemon/node.h"

/* figures_drops() - what workers and the control thread dropped, by row of base/drop.h */
void figures_drops(struct node *n, uint64_t out[static DROP_COUNT]);

/* figures_keep() - the traffic of a peer that goes: counters never fall */
void figures_keep(struct node *n, const struct fwd_peer *f);

/* figures_fill() - the page of a scrape */
void figures_fill(struct node *n, struct metrics *m);

/* figures_open() - offer them at conf.metrics, if it is set; why: one sentence */
must_check int figures_open(struct node *n, char why[static 512]);
void figures_close(struct node *n);
