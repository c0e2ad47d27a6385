/* SPDX-License-Identifier: MIT
 *
 * translator.c - IPv4 where the network has IPv6 alone
 */
#include "daemon/translator.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/resolve.h"
#include "daemon/discovery.h"

#define RETRY_FIRST SEC(2) /* no resolver yet */
#define RETRY_LAST  SEC(300)

struct translator {
	struct node *node;
	struct resolve *question; /* NULL: none is out */
	struct loop_timer timer; /* asks again; the advertised one expires */
	nsec_t retry; /* the next pause */
	struct nat64 advertised;
	nsec_t advertised_until; /* 0: none is */
	struct nat64 by_pcp;
	bool has_pcp; /* by_pcp holds */
	enum translator_source how; /* of the one in use */
};

/* ---- does this host need one? ---- */

/* has_route() - would the kernel know where to send what we send there? */
static bool has_route(const struct node *n, const struct ipaddr *ip)
{
	struct endpoint to = { .ip = *ip, .port = 9 };
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&to, false, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool yes;

	if (fd < 0)
		return false;
	if (n->conf.mark) /* not by way of our own tunnel */
		(void)setsockopt(fd, SOL_SOCKET, SO_MARK, &n->conf.mark,
				 sizeof(n->conf.mark));
	yes = connect(fd, (struct sockaddr *)&ss, len) == 0; /* sends nothing */
	close(fd);
	return yes;
}

/* has_ipv4() - a route out, or a network of its own next to it */
static bool has_ipv4(const struct node *n)
{
	struct ipaddr outside = ipaddr_v4(0xc0000201); /* any public one: RFC 5737 */

	for (unsigned i = 0; i < n->host_count; i++) {
		const struct host_address *h = &n->hosts[i];

		if (ipaddr_is_v4(&h->ip) && !h->tunnel && !h->bridge_of_containers &&
		    ipaddr_class(&h->ip) != ADDR_CLASS_LINK_LOCAL)
			return true;
	}
	return has_route(n, &outside);
}

/* ---- use ---- */

static void leave(struct translator *t, nsec_t now)
{
	t->how = TRANSLATOR_NONE;
	if (!nat64_here())
		return;
	nat64_leave();
	log_info("IPv4 no longer goes by NAT64");
	discovery_renew_ipv4(t->node, now);
}

static void use(struct translator *t, const struct nat64 *which,
		enum translator_source how, nsec_t now)
{
	static const char *const by[] = {
		[TRANSLATOR_ADVERTISED] = "as a router says",
		[TRANSLATOR_BY_PCP] = "as a router says by PCP",
		[TRANSLATOR_BY_NAME] = "as " NAT64_NAME " says",
		[TRANSLATOR_ASSUMED] = "which nobody names: trying it",
	};
	const struct nat64 *before = nat64_here();
	char text[ADDR_TEXT];

	if (nat64_enter(which) < 0) {
		log_warn("too many different NAT64 prefixes: restart adit to reach IPv4");
		return;
	}
	t->how = how;
	if (before == nat64_here())
		return;
	log_info("no IPv4 here: by NAT64 through %s, %s",
		 prefix_text(&which->prefix, text), by[how]);
	discovery_renew_ipv4(t->node, now);
}

static void ask_again(struct translator *t, nsec_t now)
{
	loop_timer_at(&t->timer, nsec_add(now, t->retry));
	t->retry = t->retry * 2 > RETRY_LAST ? RETRY_LAST : t->retry * 2;
}

static void on_answer(void *owner, const struct ipaddr *a, unsigned count,
		      const char *why)
{
	static const struct nat64 well_known = {
		.prefix = { .ip = { { 0, 0x64, 0xff, 0x9b } }, .bits = 96 },
	};
	struct translator *t = owner;
	nsec_t now = time_now();
	struct nat64 found;

	t->question = NULL;
	if (t->has_pcp || t->advertised_until > now)
		return; /* a router was faster, and knows better */
	if (nat64_find(a, count, &found)) {
		use(t, &found, TRANSLATOR_BY_NAME, now);
		return;
	}
	if (why)
		log_debug("%s: %s", NAT64_NAME, why);
	if (has_route(t->node, &well_known.prefix.ip))
		use(t, &well_known, TRANSLATOR_ASSUMED, now);
	ask_again(t, now);
}

static void look(struct translator *t, nsec_t now)
{
	bool advertised = t->advertised_until > now;

	if (has_ipv4(t->node)) {
		resolve_cancel(t->question);
		t->question = NULL;
		loop_timer_at(&t->timer, NSEC_NEVER);
		leave(t, now);
		return;
	}
	if (advertised) {
		use(t, &t->advertised, TRANSLATOR_ADVERTISED, now);
		loop_timer_at(&t->timer, t->advertised_until);
		return;
	}
	if (t->has_pcp) {
		use(t, &t->by_pcp, TRANSLATOR_BY_PCP, now);
		return;
	}
	if (t->question)
		return;
	t->question = resolve_start(&t->node->loop, NAT64_NAME, on_answer, t);
	if (!t->question)
		ask_again(t, now);
}

static void on_timer(struct loop_timer *timer, nsec_t now)
{
	look(container_of(timer, struct translator, timer), now);
}

void translator_network_changed(struct node *n, nsec_t now)
{
	if (!n->translator)
		return;
	n->translator->retry = RETRY_FIRST;
	look(n->translator, now);
}

void translator_advertised(struct node *n, const struct nat64 *a, unsigned lifetime_s,
			   nsec_t now)
{
	struct translator *t = n->translator;

	if (!t)
		return;
	if (!lifetime_s && !prefix_eq(&a->prefix, &t->advertised.prefix))
		return; /* another router's */
	t->advertised = *a;
	t->advertised_until = lifetime_s ? nsec_add(now, SEC(lifetime_s)) : 0;
	look(t, now);
}

void translator_by_pcp(struct node *n, const struct nat64 *by_pcp, nsec_t now)
{
	struct translator *t = n->translator;

	if (!t || (by_pcp ? t->has_pcp && prefix_eq(&by_pcp->prefix, &t->by_pcp.prefix) :
			    !t->has_pcp))
		return;
	t->has_pcp = by_pcp;
	if (by_pcp)
		t->by_pcp = *by_pcp;
	look(t, now);
}

const struct nat64 *translator_status(const struct node *n, enum translator_source *how)
{
	*how = n->translator ? n->translator->how : TRANSLATOR_NONE;
	return *how == TRANSLATOR_NONE ? NULL : nat64_here();
}

int translator_start(struct node *n, nsec_t now)
{
	struct translator *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->node = n;
	t->retry = RETRY_FIRST;
	if (loop_timer_init(&n->loop, &t->timer, on_timer)) {
		free(t);
		return -ENOMEM;
	}
	n->translator = t;
	look(t, now);
	return 0;
}

void translator_stop(struct node *n)
{
	struct translator *t = n->translator;

	if (!t)
		return;
	n->translator = NULL;
	resolve_cancel(t->question);
	loop_timer_done(&t->timer);
	nat64_leave();
	free(t);
}
