/* SPDX-License-Identifier: MIT
 *
 * record.h - the netmap's records as JSON (coord/proto.h), both ways
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

#include "base/attr.h"
#include "coord/netmap.h"

json_t *record_node_json(const struct netmap_node *n); /* NULL: no memory */
/* record_node_read() - untrusted; false: no valid record, *out unchanged. The caller
 * ends *out with record_node_done() */
must_check bool record_node_read(const json_t *o, struct netmap_node *out);
void record_node_done(struct netmap_node *n);

json_t *record_relay_json(const struct netmap_relay *r);
must_check bool record_relay_read(const json_t *o, struct netmap_relay *out);

json_t *record_candidates_json(const struct candidate_list *l);
/* record_candidates_read() - what does not parse is left out; order is kept */
void record_candidates_read(const json_t *array, struct candidate_list *out);

json_t *record_rtt_json(const uint16_t rtt_ms[static NETMAP_RELAYS_MAX]);
json_t *record_peer_rtt_json(
	const struct netmap_rtt rtt[static NETMAP_PEER_RELAYS_MAX]);
void record_peer_rtt_read(const json_t *array,
			  struct netmap_rtt out[static NETMAP_PEER_RELAYS_MAX]);
void record_rtt_read(const json_t *array, uint16_t out[static NETMAP_RELAYS_MAX]);

/* What a node publishes of itself: generation, candidates, round trips to relays. */
json_t *record_published_json(const struct netmap_node *n); /* NULL: no memory */
/* record_published_read() - untrusted; what is missing or malformed is nothing */
void record_published_read(const json_t *o, struct netmap_node *out);
