/* SPDX-License-Identifier: MIT
 *
 * netlink.c - rtnetlink in our own words: links, addresses, routes
 *
 * Theory: requests carry a sequence number and the answers are read until its end or
 * acknowledgement; answers to anything else are skipped, so an abandoned dump does no
 * harm. The only file that includes libmnl. rtnetlink(7).
 */
#include "tun/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
	BUFFER_OCTETS =
		32768, /* the most that the kernel puts into one answer */
	LISTEN_OCTETS =
		1 << 20, /* of events waiting, before the kernel drops them */
	ANSWER_SECONDS = 5,
	ATTR_MAX = 64,
	ROUTER_ADVERTISEMENT = 134, /* RFC 4861 section 4.2 */
	GROUP_ND_USEROPT = 1 << (RTNLGRP_ND_USEROPT - 1), /* has no RTMGRP_ name */
};

struct netlink {
	struct mnl_socket *socket;
	uint32_t seq;
	_Alignas(8) uint8_t buffer[BUFFER_OCTETS];
};

struct attrs {
	const struct nlattr *at[ATTR_MAX];
};

/* ---- decode ---- */

static int attr_keep(const struct nlattr *attr, void *arg)
{
	struct attrs *a = arg;
	unsigned type = mnl_attr_get_type(attr);

	if (type < ATTR_MAX)
		a->at[type] = attr;
	return MNL_CB_OK;
}

static uint32_t attr_u32(const struct nlattr *attr, uint32_t otherwise)
{
	uint32_t v;

	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(v))
		return otherwise;
	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return v;
}

static void attr_text(const struct nlattr *attr, char out[static NETLINK_NAME])
{
	if (!attr)
		return;
	size_t len = mnl_attr_get_payload_len(attr);

	if (len >= NETLINK_NAME)
		len = NETLINK_NAME - 1;
	memcpy(out, mnl_attr_get_payload(attr), len);
}

static bool attr_ip(const struct nlattr *attr, struct ipaddr *out)
{
	if (!attr)
		return false;
	if (mnl_attr_get_payload_len(attr) == 4)
		*out = ipaddr_from_v4(mnl_attr_get_payload(attr));
	else if (mnl_attr_get_payload_len(attr) == 16)
		*out = ipaddr_from_v6(mnl_attr_get_payload(attr));
	else
		return false;
	return true;
}

/* header() - the fixed part, and the attributes behind it; NULL if it is cut off */
static const void *header(const struct nlmsghdr *nlh, size_t octets,
			  struct attrs *a)
{
	memset(a, 0, sizeof(*a));
	if (mnl_nlmsg_get_payload_len(nlh) < octets)
		return NULL;
	if (mnl_attr_parse(nlh, (unsigned)octets, attr_keep, a) < 0)
		return NULL;
	return mnl_nlmsg_get_payload(nlh);
}

static bool decode_link(const struct nlmsghdr *nlh, struct netlink_item *it)
{
	struct attrs a, info = { 0 };
	const struct ifinfomsg *m = header(nlh, sizeof(*m), &a);

	/* AF_BRIDGE tells of a port, not of the link */
	if (!m || m->ifi_family != AF_UNSPEC || m->ifi_index <= 0)
		return false;
	it->what = NETLINK_ITEM_LINK;
	it->index = (unsigned)m->ifi_index;
	it->link.flags = m->ifi_flags;
	it->link.type = m->ifi_type;
	it->link.mtu = attr_u32(a.at[IFLA_MTU], 0);
	it->link.master = attr_u32(a.at[IFLA_MASTER], 0);
	attr_text(a.at[IFLA_IFNAME], it->link.name);
	if (a.at[IFLA_LINKINFO] &&
	    mnl_attr_parse_nested(a.at[IFLA_LINKINFO], attr_keep, &info) >= 0)
		attr_text(info.at[IFLA_INFO_KIND], it->link.kind);
	return true;
}

static bool family_known(unsigned family, unsigned bits)
{
	return (family == AF_INET && bits <= 32) ||
	       (family == AF_INET6 && bits <= 128);
}

static void decode_flags(uint32_t flags, bool v6, struct netlink_address *a)
{
	a->unready = flags & IFA_F_DADFAILED;
	/* an optimistic address may be used meanwhile, RFC 4429 */
	if ((flags & IFA_F_TENTATIVE) && !(flags & IFA_F_OPTIMISTIC))
		a->unready = true;
	a->temporary = v6 && (flags & IFA_F_TEMPORARY);
	a->deprecated = v6 && (flags & IFA_F_DEPRECATED);
}

static bool decode_address(const struct nlmsghdr *nlh, struct netlink_item *it)
{
	struct attrs a;
	const struct ifaddrmsg *m = header(nlh, sizeof(*m), &a);
	struct ipaddr other;

	if (!m || !family_known(m->ifa_family, m->ifa_prefixlen))
		return false;
	if (!attr_ip(a.at[IFA_ADDRESS], &other) &&
	    !attr_ip(a.at[IFA_LOCAL], &other))
		return false;
	it->what = NETLINK_ITEM_ADDRESS;
	it->index = m->ifa_index;
	it->address.ip = other;
	/* point to point: IFA_ADDRESS is the other end */
	if (!attr_ip(a.at[IFA_LOCAL], &it->address.ip))
		it->address.ip = other;
	/* an IPv6 address may look IPv4-mapped: then its length is not IPv4's */
	if (ipaddr_is_v4(&other) != (m->ifa_family == AF_INET))
		return false;
	it->address.on_link = prefix_make(other, m->ifa_prefixlen);
	decode_flags(attr_u32(a.at[IFA_FLAGS], m->ifa_flags),
		     m->ifa_family == AF_INET6, &it->address);
	return true;
}

/* first_hop() - of a route with several, the interface of the first */
static unsigned first_hop(const struct nlattr *attr)
{
	struct rtnexthop hop;

	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(hop))
		return 0;
	memcpy(&hop, mnl_attr_get_payload(attr), sizeof(hop));
	return hop.rtnh_ifindex > 0 ? (unsigned)hop.rtnh_ifindex : 0;
}

static bool decode_route(const struct nlmsghdr *nlh, struct netlink_item *it)
{
	struct attrs a;
	const struct rtmsg *m = header(nlh, sizeof(*m), &a);
	struct ipaddr to = { { 0 } };

	if (!m || !family_known(m->rtm_family, m->rtm_dst_len))
		return false;
	if (m->rtm_flags & RTM_F_CLONED)
		return false; /* cached for one destination */
	if (m->rtm_family == AF_INET)
		to = ipaddr_v4(0);
	(void)attr_ip(a.at[RTA_DST], &to);
	if (ipaddr_is_v4(&to) != (m->rtm_family == AF_INET))
		return false;
	it->what = NETLINK_ITEM_ROUTE;
	it->index = attr_u32(a.at[RTA_OIF], first_hop(a.at[RTA_MULTIPATH]));
	it->route.to = prefix_make(to, m->rtm_dst_len);
	(void)attr_ip(a.at[RTA_GATEWAY], &it->route.gateway);
	it->route.table = attr_u32(a.at[RTA_TABLE], m->rtm_table);
	it->route.metric = attr_u32(a.at[RTA_PRIORITY], 0);
	it->route.protocol = m->rtm_protocol;
	it->route.unicast = m->rtm_type == RTN_UNICAST;
	return true;
}

static bool decode_neighbour(const struct nlmsghdr *nlh, struct netlink_item *it)
{
	struct attrs a;
	const struct ndmsg *m = header(nlh, sizeof(*m), &a);
	const struct nlattr *hardware;

	if (!m || m->ndm_ifindex <= 0 ||
	    m->ndm_state & (NUD_INCOMPLETE | NUD_FAILED | NUD_NOARP) ||
	    !attr_ip(a.at[NDA_DST], &it->neighbour.ip))
		return false;
	it->what = NETLINK_ITEM_NEIGHBOUR;
	it->index = (unsigned)m->ndm_ifindex;
	hardware = a.at[NDA_LLADDR];
	if (hardware && mnl_attr_get_payload_len(hardware) == 6)
		memcpy(it->neighbour.hardware, mnl_attr_get_payload(hardware), 6);
	return true;
}

static bool decode_option(const struct nlmsghdr *nlh, struct netlink_item *it)
{
	const struct nduseroptmsg *m = mnl_nlmsg_get_payload(nlh);
	size_t octets = mnl_nlmsg_get_payload_len(nlh);

	if (octets < sizeof(*m) || m->nduseropt_family != AF_INET6 ||
	    m->nduseropt_icmp_type != ROUTER_ADVERTISEMENT ||
	    m->nduseropt_ifindex <= 0 || m->nduseropt_opts_len > octets - sizeof(*m))
		return false;
	it->what = NETLINK_ITEM_OPTION;
	it->index = (unsigned)m->nduseropt_ifindex;
	it->option.at = (const uint8_t *)(m + 1);
	it->option.octets = m->nduseropt_opts_len;
	return true;
}

static bool decode(const struct nlmsghdr *nlh, struct netlink_item *it)
{
	memset(it, 0, sizeof(*it));
	switch (nlh->nlmsg_type) {
	case RTM_DELLINK:
		it->removed = true;
		return decode_link(nlh, it);
	case RTM_NEWLINK:
		return decode_link(nlh, it);
	case RTM_DELADDR:
		it->removed = true;
		return decode_address(nlh, it);
	case RTM_NEWADDR:
		return decode_address(nlh, it);
	case RTM_DELROUTE:
		it->removed = true;
		return decode_route(nlh, it);
	case RTM_NEWROUTE:
		return decode_route(nlh, it);
	case RTM_NEWNEIGH:
		return decode_neighbour(nlh, it);
	case RTM_NEWNDUSEROPT:
		return decode_option(nlh, it);
	}
	return false;
}

/* ---- socket ---- */

static int set_up(struct netlink *nl, bool listen)
{
	unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
			  RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			  RTMGRP_IPV6_ROUTE | GROUP_ND_USEROPT;
	struct timeval wait = { .tv_sec = ANSWER_SECONDS };
	int fd = mnl_socket_get_fd(nl->socket), octets = LISTEN_OCTETS;

	if (mnl_socket_bind(nl->socket, listen ? groups : 0,
			    MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	if (!listen)
		return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait,
				  sizeof(wait)) < 0
			       ? -errno
			       : 0;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets,
		       sizeof(octets)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets,
				 sizeof(octets));
	return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

struct netlink *netlink_open(bool listen, int *err)
{
	struct netlink *nl = calloc(1, sizeof(*nl));

	*err = -ENOMEM;
	if (!nl)
		return NULL;
	nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	*err = nl->socket ? set_up(nl, listen) : -errno;
	if (!*err)
		return nl;
	netlink_close(nl);
	return NULL;
}

void netlink_close(struct netlink *nl)
{
	if (!nl)
		return;
	if (nl->socket)
		mnl_socket_close(nl->socket);
	free(nl);
}

int netlink_fd(const struct netlink *nl)
{
	return mnl_socket_get_fd(nl->socket);
}

static int receive(struct netlink *nl)
{
	ssize_t n;

	do
		n = mnl_socket_recvfrom(nl->socket, nl->buffer,
					sizeof(nl->buffer));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : (int)n;
}

int netlink_listen(struct netlink *nl, netlink_fn *fn, void *arg)
{
	struct netlink_item item;
	int left = receive(nl);

	if (left == -EAGAIN || left == -EWOULDBLOCK)
		return 0;
	if (left < 0)
		return left;
	for (const struct nlmsghdr *nlh = (const void *)nl->buffer;
	     mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (decode(nlh, &item))
			fn(&item, arg);
	return 1;
}

static int error_of(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(e->error))
		return -EBADMSG;
	return e->error > 0 ? -e->error : e->error;
}

/* answers() - of one datagram; true at the end of the answer, with its *err */
static bool answers(struct netlink *nl, int left, netlink_fn *fn, void *arg,
		    int *err)
{
	struct netlink_item item;

	for (const struct nlmsghdr *nlh = (const void *)nl->buffer;
	     mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		if (nlh->nlmsg_seq != nl->seq)
			continue;
		*err = 0;
		if (nlh->nlmsg_type == NLMSG_DONE)
			return true;
		if (nlh->nlmsg_type == NLMSG_ERROR) {
			*err = error_of(nlh);
			return true;
		}
		if (fn && decode(nlh, &item))
			fn(&item, arg);
	}
	return false;
}

static int talk(struct netlink *nl, struct nlmsghdr *nlh, netlink_fn *fn,
		void *arg)
{
	int n, err;

	nlh->nlmsg_seq = ++nl->seq;
	if (mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		n = receive(nl);
		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : n;
	} while (!answers(nl, n, fn, arg, &err));
	return err;
}

/* ---- requests ---- */

int netlink_dump(struct netlink *nl, enum netlink_what what, netlink_fn *fn,
		 void *arg)
{
	static const uint16_t type[] = {
		[NETLINK_ITEM_LINK] = RTM_GETLINK,
		[NETLINK_ITEM_ADDRESS] = RTM_GETADDR,
		[NETLINK_ITEM_ROUTE] = RTM_GETROUTE,
		[NETLINK_ITEM_NEIGHBOUR] = RTM_GETNEIGH,
	};
	/* the longest of the three fixed parts serves all: family comes first */
	_Alignas(8) uint8_t request[64] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);

	nlh->nlmsg_type = type[what];
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	return talk(nl, nlh, fn, arg);
}

int netlink_link_set(struct netlink *nl, unsigned index, uint32_t mtu, bool up)
{
	_Alignas(8) uint8_t request[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifinfomsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	m->ifi_index = (int)index;
	m->ifi_change = IFF_UP;
	m->ifi_flags = up ? IFF_UP : 0;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return talk(nl, nlh, NULL, NULL);
}

static void put_ip(struct nlmsghdr *nlh, uint16_t type, const struct ipaddr *ip)
{
	bool v4 = ipaddr_is_v4(ip);

	mnl_attr_put(nlh, type, v4 ? 4 : 16, ip->b + (v4 ? 12 : 0));
}

static int address_change(struct netlink *nl, unsigned index, bool add,
			  const struct ipaddr *ip, const struct prefix *subnet)
{
	_Alignas(8) uint8_t request[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct ifaddrmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	bool v4 = ipaddr_is_v4(ip);

	nlh->nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (add)
		nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	m->ifa_family = v4 ? AF_INET : AF_INET6;
	m->ifa_prefixlen = (uint8_t)prefix_family_bits(subnet);
	m->ifa_flags = v4 ? 0 : IFA_F_NODAD;
	m->ifa_index = index;
	put_ip(nlh, IFA_LOCAL, ip);
	put_ip(nlh, IFA_ADDRESS, ip);
	return talk(nl, nlh, NULL, NULL);
}

int netlink_address_add(struct netlink *nl, unsigned index,
			const struct ipaddr *ip, const struct prefix *subnet)
{
	return address_change(nl, index, true, ip, subnet);
}

int netlink_address_del(struct netlink *nl, unsigned index,
			const struct ipaddr *ip, const struct prefix *subnet)
{
	return address_change(nl, index, false, ip, subnet);
}

static int route_change(struct netlink *nl, unsigned index, bool add,
			const struct prefix *to, uint32_t table)
{
	_Alignas(8) uint8_t request[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct rtmsg *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));
	bool v4 = prefix_is_v4(to);

	nlh->nlmsg_type = add ? RTM_NEWROUTE : RTM_DELROUTE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (add)
		nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	m->rtm_family = v4 ? AF_INET : AF_INET6;
	m->rtm_dst_len = (uint8_t)prefix_family_bits(to);
	m->rtm_table = table < 256 ? (uint8_t)table : RT_TABLE_UNSPEC;
	m->rtm_protocol = NETLINK_PROTOCOL;
	m->rtm_scope = v4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	m->rtm_type = RTN_UNICAST;
	put_ip(nlh, RTA_DST, &to->ip);
	mnl_attr_put_u32(nlh, RTA_OIF, index);
	mnl_attr_put_u32(nlh, RTA_TABLE, table);
	return talk(nl, nlh, NULL, NULL);
}

int netlink_route_add(struct netlink *nl, unsigned index,
		      const struct prefix *to)
{
	return route_change(nl, index, true, to, NETLINK_TABLE_MAIN);
}

int netlink_route_del(struct netlink *nl, unsigned index,
		      const struct prefix *to)
{
	return route_change(nl, index, false, to, NETLINK_TABLE_MAIN);
}

int netlink_route_add_to(struct netlink *nl, unsigned index,
			 const struct prefix *to, uint32_t table)
{
	return route_change(nl, index, true, to, table);
}

int netlink_route_del_from(struct netlink *nl, unsigned index,
			   const struct prefix *to, uint32_t table)
{
	return route_change(nl, index, false, to, table);
}

static int rule_change(struct netlink *nl, bool add, const struct netlink_rule *r)
{
	_Alignas(8) uint8_t request[128] = { 0 };
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct fib_rule_hdr *m = mnl_nlmsg_put_extra_header(nlh, sizeof(*m));

	nlh->nlmsg_type = add ? RTM_NEWRULE : RTM_DELRULE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (add)
		nlh->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
	m->family = r->v6 ? AF_INET6 : AF_INET;
	m->action = FR_ACT_TO_TBL;
	m->flags = r->not_mark ? FIB_RULE_INVERT : 0;
	m->table = r->table < 256 ? (uint8_t)r->table : RT_TABLE_UNSPEC;
	mnl_attr_put_u32(nlh, FRA_TABLE, r->table);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, r->priority);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, NETLINK_PROTOCOL);
	if (r->not_mark)
		mnl_attr_put_u32(nlh, FRA_FWMARK, r->not_mark);
	if (r->longer_than >= 0)
		mnl_attr_put_u32(nlh, FRA_SUPPRESS_PREFIXLEN,
				 (uint32_t)r->longer_than);
	return talk(nl, nlh, NULL, NULL);
}

int netlink_rule_add(struct netlink *nl, const struct netlink_rule *r)
{
	return rule_change(nl, true, r);
}

int netlink_rule_del(struct netlink *nl, const struct netlink_rule *r)
{
	return rule_change(nl, false, r);
}
