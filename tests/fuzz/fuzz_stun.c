/* SPDX-License-Identifier: MIT
 *
 * fuzz_stun.c - STUN messages; what parses can be written and parses again
 */
#include <stdlib.h>

#include "traversal/natcheck.h"
#include "traversal/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void feed_natcheck(const uint8_t *data, size_t size)
{
	struct endpoint server = { .ip = ipaddr_v4(0xcb007101), .port = 3478 };
	struct natcheck *nc = natcheck_new(1);
	struct natcheck_send s;
	enum drop d;

	if (!nc)
		return;
	natcheck_set_local(nc, NULL, 0, 4000, 0, 1);
	natcheck_set_aux(nc, 4001);
	natcheck_set_servers(nc, &server, 1, 1);
	natcheck_start(nc, true, 1);
	for (nsec_t t = 1; natcheck_running(nc); t += MSEC(50)) {
		while (natcheck_poll(nc, &s, t)) {
			/* an answer with the right transaction id */
			uint8_t m[STUN_MAX];
			size_t n = size < sizeof(m) ? size : sizeof(m);

			for (size_t i = 0; i < n; i++)
				m[i] = i >= 8 && i < 20 ? s.message[i] : data[i];
			d = natcheck_input(nc, m, n, &s.to, t);
			(void)d;
		}
	}
	natcheck_free(nc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stun_message m, again;
	uint8_t out[STUN_MAX];
	size_t n;

	feed_natcheck(data, size);
	if (stun_parse(data, size, &m) != DROP_NONE)
		return 0;
	n = stun_write(&m, out);
	if (n > STUN_MAX)
		abort();
	if (m.class != STUN_ERROR && !m.classic &&
	    stun_parse(out, n, &again) != DROP_NONE)
		abort();
	return 0;
}
