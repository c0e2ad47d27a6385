/* SPDX-License-Identifier: MIT
 *
 * portmap.c - one port of ours, kept open at the router
 */
#include "traversal/portmap_inside.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE   MSEC(500) /* for a better dialect's first answer */
#define AGAIN	   SEC(600) /* until what failed is tried again */
#define CHECK_GAP  SEC(600) /* between two proofs */
#define CHECK_SOON SEC(30) /* no server answered */

static const nsec_t gaps[] = { MSEC(250), MSEC(500), SEC(1), SEC(2) };

enum {
	SENDS = sizeof(gaps) / sizeof(gaps[0]),
};

struct portmap *portmap_new(uint64_t seed)
{
	struct portmap *pm = calloc(1, sizeof(*pm));

	if (!pm)
		return NULL;
	pm->using = -1;
	pm->again = pm->check_at = NSEC_NEVER;
	portcheck_init(&pm->check, seed);
	pm->told.using = -1;
	return pm;
}

void portmap_free(struct portmap *pm)
{
	free(pm);
}

/* ---- asking ---- */

void portmap_ask_start(struct ask *a, nsec_t now)
{
	*a = (struct ask){ .on = true, .due = now };
}

/* ask_send() - is it time to send? *gave_up: no answer came to the last */
static bool ask_send(struct ask *a, nsec_t now, bool *gave_up)
{
	*gave_up = false;
	if (!a->on || now < a->due)
		return false;
	if (a->sends == SENDS) {
		a->on = false;
		*gave_up = true;
		return false;
	}
	a->due = now + gaps[a->sends++];
	return true;
}

static void probe_all(struct portmap *pm, nsec_t now)
{
	for (int i = 0; i < PORTMAP_DIALECTS; i++) {
		struct dialect *d = &pm->d[i];

		d->there = false;
		d->barred = 0;
		d->allowed = pm->where.allowed[i];
		d->probe.on = false;
		if (pm->held && pm->using == i)
			d->there = true; /* keeps its state */
		else
			d->state = d->allowed ? PORTMAP_ASKING : PORTMAP_OFF;
		if (d->allowed)
			portmap_ask_start(&d->probe, now);
	}
	pm->started = now;
	pm->again = NSEC_NEVER;
}

void portmap_request_start(struct portmap *pm, int by, nsec_t now)
{
	pm->using = by;
	portmap_ask_start(&pm->request, now);
	if (by == PORTMAP_NATPMP) /* its mappings come without the address */
		portmap_ask_start(&pm->d[by].probe, now);
}

static void forget(struct portmap *pm)
{
	pm->held = pm->proved = pm->request.on = false;
	pm->using = -1;
	pm->external = (struct endpoint){ .port = 0 };
	pm->check_at = NSEC_NEVER;
	portcheck_stop(&pm->check);
}

void portmap_give_back(struct portmap *pm)
{
	if (pm->using < 0)
		return;
	pm->farewell.on = true;
	pm->farewell.by = (enum portmap_dialect)pm->using;
	pm->farewell.external = pm->external;
}

/* portmap_bar() - no more of this dialect for a while */
void portmap_bar(struct portmap *pm, int by, enum portmap_state why, nsec_t now)
{
	pm->d[by].state = why;
	pm->d[by].barred = now + AGAIN;
	if (pm->using == by)
		forget(pm);
}

static bool same_place(const struct portmap_where *a, const struct portmap_where *b)
{
	return ipaddr_eq(&a->gateway, &b->gateway) &&
	       ipaddr_eq(&a->local, &b->local) && a->port == b->port;
}

void portmap_start(struct portmap *pm, const struct portmap_where *w, nsec_t now)
{
	bool same = pm->running && same_place(&pm->where, w);

	pm->running = true;
	pm->where = *w;
	if (!same) {
		forget(pm);
		memcpy(pm->nonce.b, w->fresh, sizeof(pm->nonce.b));
		pm->natpmp_address = (struct ipaddr){ { 0 } };
		pm->translates = false;
		for (int i = 0; i < PORTMAP_DIALECTS; i++)
			pm->d[i].epoch_known = false;
	}
	probe_all(pm, now);
	if (pm->held) {
		portmap_request_start(pm, pm->using, now);
		pm->check_at = now;
	}
}

void portmap_stop(struct portmap *pm)
{
	if (pm->held || pm->request.on)
		portmap_give_back(pm);
	forget(pm);
	pm->running = pm->translates = false;
	for (int i = 0; i < PORTMAP_DIALECTS; i++)
		pm->d[i] = (struct dialect){ .state = PORTMAP_OFF };
}

void portmap_set_servers(struct portmap *pm, const struct endpoint *s, unsigned n,
			 nsec_t now)
{
	portcheck_set_servers(&pm->check, s, n);
	if (pm->held && !pm->proved &&
	    pm->check.outcome != PORTCHECK_RUNNING)
		pm->check_at = now;
}

/* ---- the passage of time ---- */

void portmap_renewal_failed(struct portmap *pm)
{
	static const unsigned eighths[] = { 6, 7 };

	pm->renew = pm->renewals < 2 ? pm->granted + pm->lifetime / 8 *
					       eighths[pm->renewals] :
				       NSEC_NEVER;
	pm->renewals++;
}

/* not_proved() - what was good is made again once; what never was is given back */
static void not_proved(struct portmap *pm, enum portmap_state why, nsec_t now)
{
	int by = pm->using;

	portcheck_stop(&pm->check);
	if (pm->proved) {
		pm->proved = false;
		pm->d[by].state = PORTMAP_MADE;
		portmap_request_start(pm, by, now);
		return;
	}
	portmap_give_back(pm);
	portmap_bar(pm, by, why, now);
}

static void settle_check(struct portmap *pm, nsec_t now)
{
	switch (pm->check.outcome) {
	case PORTCHECK_IDLE:
	case PORTCHECK_RUNNING:
		return;
	case PORTCHECK_OPEN:
		pm->proved = true;
		pm->d[pm->using].state = PORTMAP_OPEN;
		pm->check_at = now + CHECK_GAP;
		portcheck_stop(&pm->check);
		return;
	case PORTCHECK_NO_SERVER:
		pm->check_at = now + CHECK_SOON;
		portcheck_stop(&pm->check);
		return;
	case PORTCHECK_CLOSED:
		not_proved(pm, PORTMAP_CLOSED, now);
		return;
	case PORTCHECK_OTHER_ADDRESS:
		not_proved(pm, PORTMAP_BAD_ADDRESS, now);
		return;
	}
}

static void keep(struct portmap *pm, nsec_t now)
{
	if (now >= pm->expires) {
		pm->again = now + AGAIN;
		pm->d[pm->using].state = PORTMAP_SILENT;
		pm->d[pm->using].there = false;
		forget(pm);
		return;
	}
	settle_check(pm, now);
	if (!pm->held)
		return;
	if (now >= pm->renew && !pm->request.on) {
		pm->renew = NSEC_NEVER;
		portmap_request_start(pm, pm->using, now);
	}
	if (now >= pm->check_at) {
		pm->check_at = NSEC_NEVER;
		portcheck_start(&pm->check, &pm->external, now);
	}
}

/* choose() - the best dialect that is there; one that may yet answer is waited for */
static void choose(struct portmap *pm, nsec_t now)
{
	bool hope = false;

	for (int i = 0; i < PORTMAP_DIALECTS; i++) {
		struct dialect *d = &pm->d[i];

		if (!d->allowed || now < d->barred)
			continue;
		if (d->there) {
			portmap_request_start(pm, i, now);
			return;
		}
		hope |= d->probe.on;
		if (d->probe.on && nsec_since(pm->started, now) < PATIENCE)
			return;
	}
	if (!hope && pm->again == NSEC_NEVER)
		pm->again = now + AGAIN;
}

static void advance(struct portmap *pm, nsec_t now)
{
	if (pm->held)
		keep(pm, now);
	if (now >= pm->again)
		probe_all(pm, now);
	if (!pm->held && !pm->request.on)
		choose(pm, now);
}

/* ---- sending ---- */

static bool poll_farewell(struct portmap *pm, struct portmap_action *out)
{
	if (!pm->farewell.on)
		return false;
	pm->farewell.on = false;
	if (pm->farewell.by == PORTMAP_UPNP &&
	    pm->farewell.external.port < PORTMAP_PORT_MIN)
		return false; /* 0 would be all ports on some routers */
	portmap_write_request(pm, pm->farewell.by, 0, pm->farewell.external.port, out);
	return true;
}

static bool poll_probe(struct portmap *pm, struct portmap_action *out, nsec_t now)
{
	for (int i = 0; i < PORTMAP_DIALECTS; i++) {
		struct dialect *d = &pm->d[i];
		bool gave_up;

		if (ask_send(&d->probe, now, &gave_up)) {
			if (i == PORTMAP_UPNP) /* the child has its own patience */
				d->probe.due = NSEC_NEVER;
			portmap_write_probe(pm, i, out);
			return true;
		}
		if (gave_up && d->state == PORTMAP_ASKING)
			d->state = PORTMAP_SILENT;
	}
	return false;
}

static bool poll_request(struct portmap *pm, struct portmap_action *out, nsec_t now)
{
	bool gave_up;

	if (ask_send(&pm->request, now, &gave_up)) {
		if (pm->using == PORTMAP_UPNP)
			pm->request.due = NSEC_NEVER;
		portmap_write_request(pm, pm->using, PORTMAP_LIFETIME_S, portmap_wish(pm), out);
		return true;
	}
	if (gave_up && pm->held)
		portmap_renewal_failed(pm);
	else if (gave_up)
		portmap_bar(pm, pm->using, PORTMAP_SILENT, now);
	return false;
}

static bool poll_check(struct portmap *pm, struct portmap_action *out, nsec_t now)
{
	struct portcheck_send s;

	if (!portcheck_poll(&pm->check, &s, now))
		return false;
	out->kind = PORTMAP_TELL_SERVER;
	out->to = s.to;
	out->n = s.n;
	memcpy(out->message, s.message, s.n);
	return true;
}

bool portmap_poll(struct portmap *pm, struct portmap_action *out, nsec_t now)
{
	if (poll_farewell(pm, out))
		return true;
	if (!pm->running)
		return false;
	for (unsigned turn = 0; turn < 2; turn++) { /* giving up may begin a request */
		advance(pm, now);
		if (poll_farewell(pm, out) || poll_probe(pm, out, now) ||
		    poll_request(pm, out, now) || poll_check(pm, out, now))
			return true;
	}
	return false;
}

static nsec_t ask_expiry(const struct ask *a)
{
	return a->on ? a->due : NSEC_NEVER;
}

nsec_t portmap_next_expiry(const struct portmap *pm)
{
	nsec_t at = NSEC_NEVER;

	if (pm->farewell.on)
		return 0;
	if (!pm->running)
		return NSEC_NEVER;
	for (int i = 0; i < PORTMAP_DIALECTS; i++)
		at = nsec_min(at, ask_expiry(&pm->d[i].probe));
	at = nsec_min(at, ask_expiry(&pm->request));
	at = nsec_min(at, pm->again);
	at = nsec_min(at, portcheck_next_expiry(&pm->check));
	if (pm->held)
		at = nsec_min(at, nsec_min(pm->expires,
					   nsec_min(pm->renew, pm->check_at)));
	return at;
}

struct portmap_report portmap_report(struct portmap *pm, bool *changed)
{
	struct portmap_report r = { .using = pm->held ? pm->using : -1,
				    .proved = pm->held && pm->proved,
				    .translates = pm->translates,
				    .translator = pm->translator };

	if (pm->held)
		r.external = pm->external;
	for (int i = 0; i < PORTMAP_DIALECTS; i++) {
		r.there[i] = pm->d[i].there;
		r.state[i] = pm->d[i].state;
	}
	*changed = r.proved != pm->told.proved ||
		   !endpoint_eq(&r.external, &pm->told.external);
	pm->told = r;
	return r;
}
