/* SPDX-License-Identifier: MIT
 *
 * netconf.c - the host's network as we want it: made, watched, undone
 *
 * Theory: there is one operation, settle(): look at what the kernel has on our
 * interface, remove what we made and no longer want, add what is missing. Applying
 * new wishes, repairing and undoing (wish for nothing) are the same thing. Routes are
 * known as ours by their protocol number, addresses because we remember making them.
 */
#include "tun/netconf.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/time.h"
#include "tun/hostsum.h"
#include "tun/netlink.h"

enum {
	REPAIRS_MAX =
		20, /* in REPAIR_WINDOW: somebody fights us; then we rest */
	REPAIR_SECONDS = 10,
	REST_SECONDS = 60,
	STALE_MAX = 2 * NETCONF_ROUTES_MAX,
	EVENTS_MAX = 256,    /* datagrams of one call */
	LISTEN_EVERY = 64,   /* changes */
	IPV6_MTU_MIN = 1280, /* RFC 8200 section 5 */
};

struct address {
	struct ipaddr ip;
	struct prefix subnet;
	bool present, made;
};

struct route {
	struct prefix to;
	bool present;
};

struct netconf {
	unsigned index;
	struct netlink *ask, *events;
	int poll_fd, timer_fd;

	bool wanted, up, first_up, no_ipv6, seen, gone;
	unsigned want_mtu, mtu, first_mtu;
	struct address addresses[NETCONF_ADDRESSES_MAX];
	unsigned address_count;
	struct route *routes; /* sorted */
	unsigned route_count;
	struct prefix *stale; /* routes of ours that are not wanted */
	unsigned stale_count;

	bool damaged;	    /* to repair, at once or after a rest */
	bool look, changed; /* the rest of the host: perhaps, certainly */
	nsec_t window, rest_until;
	unsigned repairs;
	struct hostsum rest_of_host;

	bool advertised; /* and not yet told */
	struct nat64 translator;
	unsigned translator_s; /* lifetime */
};

/* The outcome of several changes: the first failure counts. */
struct outcome {
	int err;
	unsigned added;
	char *why; /* 256 */
};

/* ---- what the kernel has ---- */

static int route_cmp(const void *a, const void *b)
{
	const struct route *x = a, *y = b;
	int c = memcmp(x->to.ip.b, y->to.ip.b, sizeof(x->to.ip.b));

	return c ? c : x->to.bits - y->to.bits;
}

static void see_route(struct netconf *nc, const struct netlink_route *r)
{
	struct route key = { .to = r->to }, *found = NULL;

	if (r->table != NETLINK_TABLE_MAIN || !r->unicast)
		return;
	if (nc->route_count)
		found = bsearch(&key, nc->routes, nc->route_count, sizeof(key),
				route_cmp);
	if (found)
		found->present = true;
	else if (r->protocol == NETLINK_PROTOCOL && nc->stale_count < STALE_MAX)
		nc->stale[nc->stale_count++] = r->to;
}

static void see_address(struct netconf *nc, const struct netlink_address *a)
{
	for (unsigned i = 0; i < nc->address_count; i++) {
		struct address *mine = &nc->addresses[i];

		if (ipaddr_eq(&mine->ip, &a->ip) &&
		    mine->subnet.bits == a->on_link.bits)
			mine->present = true;
	}
}

static void see(const struct netlink_item *it, void *arg)
{
	struct netconf *nc = arg;

	if (it->index != nc->index)
		return;
	switch (it->what) {
	case NETLINK_ITEM_LINK:
		nc->seen = true;
		nc->mtu = it->link.mtu;
		nc->up = it->link.flags & IFF_UP;
		break;
	case NETLINK_ITEM_ADDRESS:
		see_address(nc, &it->address);
		break;
	case NETLINK_ITEM_ROUTE:
		see_route(nc, &it->route);
		break;
	case NETLINK_ITEM_NEIGHBOUR:
	case NETLINK_ITEM_OPTION:
		break; /* no dump has any */
	}
}

/* ---- what the kernel tells ---- */

static void hear_own(struct netconf *nc, const struct netlink_item *it)
{
	if (it->what != NETLINK_ITEM_LINK) {
		nc->damaged |= it->removed; /* an option never is */
		return;
	}
	nc->gone |= it->removed;
	nc->damaged |=
		it->link.mtu != nc->want_mtu || !(it->link.flags & IFF_UP);
}

static void hear(const struct netlink_item *it, void *arg)
{
	struct netconf *nc = arg;

	if (it->index == nc->index) {
		hear_own(nc, it);
		return;
	}
	if (it->what == NETLINK_ITEM_OPTION) {
		nc->advertised |= nat64_advertised(it->option.at, it->option.octets,
						   &nc->translator,
						   &nc->translator_s);
		return;
	}
	if (!hostsum_concerns(it))
		return;
	nc->look = true;
	nc->changed |= it->removed;
}

/* listen_all() - also between many changes: our own echo must not fill the socket */
static void listen_all(struct netconf *nc)
{
	int more = 1;

	for (unsigned i = 0; i < EVENTS_MAX && more > 0; i++) {
		more = netlink_listen(nc->events, hear, nc);
		if (more == -ENOBUFS) {
			nc->damaged = nc->look = nc->changed = true;
			more = 1;
		}
	}
}

static void listen_at_times(struct netconf *nc, unsigned turn)
{
	if (turn % LISTEN_EVERY == LISTEN_EVERY - 1)
		listen_all(nc);
}

static void arm(struct netconf *nc, nsec_t wait)
{
	struct itimerspec at = { .it_value.tv_sec =
					 (time_t)(wait / SEC(1)) + 1 };

	(void)timerfd_settime(nc->timer_fd, 0, &at, NULL);
}

/* ---- make it so ---- */

static const char *advice(int err)
{
	switch (-err) {
	case EPERM:
		return "the program needs CAP_NET_ADMIN";
	case EEXIST:
		return "it exists through another interface: remove one of both";
	case ENODEV:
		return "the interface is gone: start again";
	case ENETDOWN:
		return "somebody set the interface down: find out who manages it";
	case EINVAL:
		return "the kernel takes no such value: check the configuration";
	}
	return "see the kernel log and who else manages this interface";
}

static void failed(struct outcome *o, int err, const char *what,
		   const char *text)
{
	if (o->err)
		return;
	o->err = err;
	if (o->why)
		snprintf(o->why, 256, "%s %s was refused (%s); %s", what, text,
			 strerror(-err), advice(err));
}

/* ipv6_off() - these errors mean that the host has no IPv6: go on without */
static bool ipv6_off(int err)
{
	return err == -EACCES || err == -EAFNOSUPPORT || err == -EOPNOTSUPP;
}

static void settle_link(struct netconf *nc, struct outcome *o)
{
	char text[32];
	int err;

	nc->seen = false;
	err = netlink_dump(nc->ask, NETLINK_ITEM_LINK, see, nc);
	if (!err && !nc->seen)
		err = -ENODEV;
	if (!err && (nc->mtu != nc->want_mtu || !nc->up)) {
		err = netlink_link_set(nc->ask, nc->index, nc->want_mtu, true);
		o->added += !err;
	}
	snprintf(text, sizeof(text), "up with MTU %u", nc->want_mtu);
	if (err)
		failed(o, err, "setting the interface", text);
}

static void add_address(struct netconf *nc, struct address *a,
			struct outcome *o)
{
	bool v6 = !ipaddr_is_v4(&a->ip);
	char text[ADDR_TEXT];
	int err;

	if (a->present || (v6 && nc->no_ipv6))
		return;
	err = netlink_address_add(nc->ask, nc->index, &a->ip, &a->subnet);
	if (!err) {
		a->made = true;
		o->added++;
	} else if (v6 && ipv6_off(err)) {
		nc->no_ipv6 = true;
	} else {
		failed(o, err, "the address", ipaddr_text(&a->ip, text));
	}
}

static void settle_addresses(struct netconf *nc, struct outcome *o)
{
	int err;

	for (unsigned i = 0; i < nc->address_count; i++)
		nc->addresses[i].present = false;
	err = netlink_dump(nc->ask, NETLINK_ITEM_ADDRESS, see, nc);
	if (err) {
		failed(o, err, "reading", "the addresses");
		return;
	}
	for (unsigned i = 0; i < nc->address_count; i++)
		add_address(nc, &nc->addresses[i], o);
}

static void add_route(struct netconf *nc, const struct route *r,
		      struct outcome *o)
{
	bool v6 = !prefix_is_v4(&r->to);
	char text[ADDR_TEXT];
	int err;

	if (r->present || (v6 && nc->no_ipv6))
		return;
	err = netlink_route_add(nc->ask, nc->index, &r->to);
	if (!err)
		o->added++;
	else if (v6 && ipv6_off(err))
		nc->no_ipv6 = true;
	else
		failed(o, err, "the route", prefix_text(&r->to, text));
}

static void del_route(struct netconf *nc, const struct prefix *to,
		      struct outcome *o)
{
	int err = netlink_route_del(nc->ask, nc->index, to);
	char text[ADDR_TEXT];

	if (err && err != -ESRCH)
		failed(o, err, "removing the route", prefix_text(to, text));
}

/* settle_routes() - after the addresses: the kernel makes routes of its own for them */
static void settle_routes(struct netconf *nc, struct outcome *o)
{
	int err;

	nc->stale_count = 0;
	for (unsigned i = 0; i < nc->route_count; i++)
		nc->routes[i].present = false;
	err = netlink_dump(nc->ask, NETLINK_ITEM_ROUTE, see, nc);
	if (err) {
		failed(o, err, "reading", "the routes");
		return;
	}
	for (unsigned i = 0; i < nc->stale_count; i++) {
		del_route(nc, &nc->stale[i], o);
		listen_at_times(nc, i);
	}
	for (unsigned i = 0; i < nc->route_count; i++) {
		add_route(nc, &nc->routes[i], o);
		listen_at_times(nc, i);
	}
}

static void settle(struct netconf *nc, struct outcome *o)
{
	nc->no_ipv6 = nc->want_mtu < IPV6_MTU_MIN;
	settle_link(nc, o);
	settle_addresses(nc, o);
	settle_routes(nc, o);
}

/* ---- wishes ---- */

static bool address_same(const struct address *a, const struct address *b)
{
	return ipaddr_eq(&a->ip, &b->ip) && a->subnet.bits == b->subnet.bits;
}

static struct address *address_find(struct address *in, unsigned count,
				    const struct address *a)
{
	for (unsigned i = 0; i < count; i++)
		if (address_same(&in[i], a))
			return &in[i];
	return NULL;
}

/* want_addresses() - remove those of ours that are not wanted, take over the others */
static void want_addresses(struct netconf *nc, const struct netconf_want *want,
			   struct outcome *o)
{
	struct address next[NETCONF_ADDRESSES_MAX] = { 0 };
	char text[ADDR_TEXT];
	unsigned count = 0;

	for (unsigned i = 0; i < want->address_count; i++) {
		struct address a = { .ip = want->address_ips[i],
				     .subnet = want->addresses[i] };

		if (!address_find(next, count, &a))
			next[count++] = a;
	}
	for (unsigned i = 0; i < nc->address_count; i++) {
		struct address *old = &nc->addresses[i];
		struct address *kept = address_find(next, count, old);
		int err = 0;

		if (kept)
			kept->made = old->made;
		else if (old->made)
			err = netlink_address_del(nc->ask, nc->index, &old->ip,
						  &old->subnet);
		if (err && err != -EADDRNOTAVAIL && err != -ENODEV)
			failed(o, err, "removing the address",
			       ipaddr_text(&old->ip, text));
	}
	memcpy(nc->addresses, next, sizeof(next));
	nc->address_count = count;
}

static void want_routes(struct netconf *nc, const struct netconf_want *want)
{
	unsigned n = 0;

	for (unsigned i = 0; i < want->route_count; i++)
		nc->routes[i] = (struct route){ .to = want->routes[i] };
	if (want->route_count)
		qsort(nc->routes, want->route_count, sizeof(*nc->routes),
		      route_cmp);
	for (unsigned i = 0; i < want->route_count; i++)
		if (!n || route_cmp(&nc->routes[n - 1], &nc->routes[i]) != 0)
			nc->routes[n++] = nc->routes[i];
	nc->route_count = n;
}

int netconf_apply(struct netconf *nc, const struct netconf_want *want,
		  char why[static 256])
{
	struct outcome o = { .why = why };

	if (want->address_count > NETCONF_ADDRESSES_MAX ||
	    want->route_count > NETCONF_ROUTES_MAX) {
		snprintf(why, 256,
			 "%u addresses and %u routes are more than %u and %u",
			 want->address_count, want->route_count,
			 (unsigned)NETCONF_ADDRESSES_MAX,
			 (unsigned)NETCONF_ROUTES_MAX);
		return -E2BIG;
	}
	nc->wanted = true;
	nc->want_mtu = want->mtu;
	want_addresses(nc, want, &o);
	want_routes(nc, want);
	settle(nc, &o);
	if (nc->look || nc->changed || nc->damaged)
		arm(nc, 0); /* heard meanwhile: wake the caller for it */
	return o.err;
}

/* ---- events ---- */

/* may_repair() - false while we rest from a fight */
static bool may_repair(struct netconf *nc, nsec_t now)
{
	if (now < nc->rest_until) {
		arm(nc, nc->rest_until - now);
		return false;
	}
	if (nsec_since(nc->window, now) > SEC(REPAIR_SECONDS)) {
		nc->window = now;
		nc->repairs = 0;
	}
	if (nc->repairs < REPAIRS_MAX)
		return true;
	nc->rest_until = nsec_add(now, SEC(REST_SECONDS));
	nc->repairs = 0;
	arm(nc, SEC(REST_SECONDS));
	return false;
}

static unsigned repair(struct netconf *nc)
{
	struct outcome o = { 0 };

	if (!nc->damaged || !nc->wanted || nc->gone ||
	    !may_repair(nc, time_now()))
		return NETCONF_NOTHING;
	nc->damaged = false;
	settle(nc, &o);
	if (!o.added)
		return NETCONF_NOTHING;
	nc->repairs++;
	return NETCONF_REPAIRED;
}

unsigned netconf_ready(struct netconf *nc)
{
	uint64_t ticks;
	unsigned what;

	if (read(nc->timer_fd, &ticks, sizeof(ticks)) < 0)
		ticks = 0; /* not the timer's turn */
	listen_all(nc);
	what = repair(nc);
	if (what && nc->damaged)
		arm(nc, 0); /* again, while we repaired */
	if (nc->look && hostsum_look(&nc->rest_of_host, nc->ask))
		nc->changed = true;
	if (nc->changed)
		what |= NETCONF_NETWORK_CHANGED;
	nc->look = nc->changed = false;
	return what;
}

bool netconf_advertised(struct netconf *nc, struct nat64 *out, unsigned *lifetime_s)
{
	bool yes = nc->advertised;

	nc->advertised = false;
	*out = nc->translator;
	*lifetime_s = nc->translator_s;
	return yes;
}

/* ---- life ---- */

static int watch(int poll_fd, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int open_fds(struct netconf *nc)
{
	int err;

	nc->events = netlink_open(true, &err);
	if (!nc->events)
		return err;
	nc->ask = netlink_open(false, &err);
	if (!nc->ask)
		return err;
	nc->poll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (nc->poll_fd < 0)
		return -errno;
	nc->timer_fd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (nc->timer_fd < 0)
		return -errno;
	err = watch(nc->poll_fd, netlink_fd(nc->events));
	return err ? err : watch(nc->poll_fd, nc->timer_fd);
}

static int start(struct netconf *nc)
{
	int err = open_fds(nc);

	if (err)
		return err;
	(void)hostsum_look(&nc->rest_of_host, nc->ask);
	err = netlink_dump(nc->ask, NETLINK_ITEM_LINK, see, nc);
	if (!err && !nc->seen)
		err = -ENODEV;
	nc->first_mtu = nc->mtu;
	nc->first_up = nc->up;
	return err;
}

struct netconf *netconf_new(unsigned index, int *err)
{
	struct netconf *nc = calloc(1, sizeof(*nc));

	*err = -ENOMEM;
	if (!nc)
		return NULL;
	nc->index = nc->rest_of_host.except = index;
	nc->poll_fd = nc->timer_fd = -1;
	nc->routes = calloc(NETCONF_ROUTES_MAX, sizeof(*nc->routes));
	nc->stale = calloc(STALE_MAX, sizeof(*nc->stale));
	if (nc->routes && nc->stale)
		*err = start(nc);
	if (!*err)
		return nc;
	netconf_free(nc);
	return NULL;
}

static void undo(struct netconf *nc)
{
	struct netconf_want nothing = { .mtu = nc->mtu };
	struct outcome o = { 0 };

	want_addresses(nc, &nothing, &o);
	want_routes(nc, &nothing);
	settle_routes(nc, &o);
	/* the device usually vanishes next: nobody can do more about a failure */
	if (netlink_link_set(nc->ask, nc->index, nc->first_mtu, nc->first_up) <
	    0)
		nc->gone = true;
}

void netconf_free(struct netconf *nc)
{
	if (!nc)
		return;
	if (nc->wanted && !nc->gone)
		undo(nc);
	if (nc->poll_fd >= 0)
		close(nc->poll_fd);
	if (nc->timer_fd >= 0)
		close(nc->timer_fd);
	netlink_close(nc->events);
	netlink_close(nc->ask);
	free(nc->routes);
	free(nc->stale);
	free(nc);
}

int netconf_fd(const struct netconf *nc)
{
	return nc->poll_fd;
}
