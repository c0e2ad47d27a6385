/* SPDX-License-Identifier: MIT
 *
 * seen.c - which TCP endpoint a connection comes from
 */
#include "relay/seen.h"

#include "base/cursor.h"
#include "base/stream.h"

void seen_write(const struct endpoint *e, uint8_t out[static SEEN_OCTETS])
{
	struct writer w = writer_of(out, SEEN_OCTETS);

	writer_put(&w, e->ip.b, 16);
	writer_be16(&w, e->port);
}

bool seen_read(const uint8_t *m, size_t n, struct endpoint *out)
{
	struct reader r = reader_of(m, n);
	struct endpoint e = { .port = 0 };

	reader_copy(&r, e.ip.b, 16);
	e.port = reader_be16(&r);
	if (r.failed)
		return false;
	*out = e;
	return true;
}

static void on_opened(void *owner, struct stream *s)
{
	struct endpoint from = stream_remote(s);
	uint8_t m[SEEN_OCTETS];

	(void)owner;
	seen_write(&from, m);
	if (stream_send(s, m, sizeof(m)))
		stream_finish(s);
	else
		stream_free(s);
}

bool seen_serve(struct stream_server *s)
{
	const struct stream_events events = { .opened = on_opened };

	return stream_server_serve(s, SEEN_PATH, SEEN_MESSAGE_MAX, &events);
}
