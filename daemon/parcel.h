/* SPDX-License-Identifier: MIT
 *
 * parcel.h - datagrams of a worker on their way to a stream
 *
 * Theory: sockets are sent on by every worker, streams only by the control thread,
 * which owns them. So a worker packs what goes to a stream as the stream's message
 * will carry it (relay/bundle.h), several frames in a parcel, and hands parcels over
 * by a ring: one copy, one wake-up a turn. A full ring drops: the stream is stalled.
 */
#pragma once

#include <stdint.h>

#include "base/udp.h"
#include "daemon/worker.h"
#include "relay/bundle.h"

enum {
	PARCEL_OCTETS = BUNDLE_MESSAGE_SEND,
	PARCEL_SLOTS = 64, /* of one worker's ring */
};

struct parcel { /* one ring slot */
	unsigned port; /* of the stream */
	size_t n;
	uint8_t data[PARCEL_OCTETS];
};

/* parcel_send() - trains to the stream with this port number, instead of udp_send() */
void parcel_send(struct worker *w, unsigned port, const struct udp_out *trains,
		 unsigned count);
