/* SPDX-License-Identifier: MIT
 *
 * relay_figures.c - a relay's figures for Prometheus (pure)
 */
#include "relay/relay_figures.h"

void relay_figures_fill(struct metrics *m, const struct relay_service_stats *s)
{
	metrics_one(m, "adit_relay_clients", METRICS_GAUGE,
		    "Nodes registered at the relay.", s->clients);
	metrics_one(m, "adit_relay_channels", METRICS_GAUGE,
		    "Channels between nodes.", s->channels);
	metrics_one(m, "adit_relay_frames_total", METRICS_COUNTER,
		    "Frames carried.", s->forwarded);
	metrics_one(m, "adit_relay_bytes_total", METRICS_COUNTER,
		    "Octets carried.", s->forwarded_octets);
	metrics_one(m, "adit_relay_marked_total", METRICS_COUNTER,
		    "Datagrams marked by ECN because their queue stood too long.",
		    s->marked);
	metrics_one(m, "adit_stun_answers_total", METRICS_COUNTER,
		    "STUN answers sent.", s->stun_answers);
	metrics_drops(m, s->drops);
}
