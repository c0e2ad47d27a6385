/* SPDX-License-Identifier: MIT
 *
 * parcel.c - datagrams of a worker on their way to a stream
 */
#include "daemon/parcel.h"

#include <string.h>

#include "base/wire.h"

/* room_for() - the parcel to put n more octets in; NULL: the ring is full */
static struct parcel *room_for(struct worker *w, struct parcel *p, unsigned port,
			       size_t n)
{
	if (p && p->n + n <= sizeof(p->data))
		return p;
	if (p)
		ring_publish(w->parcels);
	p = ring_reserve(w->parcels);
	if (!p)
		return NULL;
	p->port = port;
	p->n = 0;
	return p;
}

static void add(struct parcel *p, const uint8_t *frame, size_t n)
{
	be16 length = be16_of((uint16_t)n);

	memcpy(p->data + p->n, &length, sizeof(length));
	memcpy(p->data + p->n + sizeof(length), frame, n);
	p->n += sizeof(length) + n;
}

void parcel_send(struct worker *w, unsigned port, const struct udp_out *trains,
		 unsigned count)
{
	struct parcel *p = NULL;

	for (unsigned i = 0; i < count; i++) {
		const struct udp_out *t = &trains[i];
		size_t segment = t->segment ? t->segment : t->n;

		for (size_t at = 0; at < t->n; at += segment) {
			size_t n = t->n - at < segment ? t->n - at : segment;

			if (n + BUNDLE_LENGTH <= PARCEL_OCTETS)
				p = room_for(w, p, port, n + BUNDLE_LENGTH);
			if (p && n + BUNDLE_LENGTH <= PARCEL_OCTETS)
				add(p, t->data + at, n);
			else
				drop_count(&w->drops, DROP_RELAY_QUEUE_FULL);
		}
	}
	if (p)
		ring_publish(w->parcels);
	w->noted = true;
}
