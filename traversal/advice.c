/* SPDX-License-Identifier: MIT
 *
 * advice.c - from a pair of NAT classes to a sentence
 *
 * The remedy is the cheapest that suffices: one reachable side is enough for every pair,
 * so it is asked of the side whose user reads this.
 */
#include "traversal/advice.h"

#include <stdio.h>

enum {
	WAY = 96,
};

enum cause {
	CAUSE_DIRECT,
	CAUSE_TCP,
	CAUSE_OFFLINE,
	CAUSE_STOCK,
	CAUSE_NO_UDP,
	CAUSE_PEER_NO_UDP,
	CAUSE_SELF_UNKNOWN,
	CAUSE_PEER_UNKNOWN,
	CAUSE_FORBIDDEN, /* a search would help, one side forbids it */
	CAUSE_PUNCH, /* should be direct soon */
	CAUSE_SELF_HARD,
	CAUSE_PEER_HARD,
	CAUSE_BOTH_HARD,
};

static enum cause cause_of(const struct advice_facts *f)
{
	enum nat_class a = strategy_class(&f->self), b = strategy_class(&f->peer);
	struct strategy s = strategy_of(&f->self, &f->peer);
	bool hard = a > NAT_CLASS_EASY, far_hard = b > NAT_CLASS_EASY;

	if (f->path == PATH_DIRECT)
		return CAUSE_DIRECT;
	if (f->path == PATH_TCP)
		return CAUSE_TCP;
	if (f->stock)
		return CAUSE_STOCK;
	if (!f->online && f->path == PATH_NONE)
		return CAUSE_OFFLINE;
	if (!f->udp || f->self.no_udp)
		return CAUSE_NO_UDP;
	if (f->peer.no_udp)
		return CAUSE_PEER_NO_UDP;
	if (!f->self.known)
		return CAUSE_SELF_UNKNOWN;
	if (!f->peer.known)
		return CAUSE_PEER_UNKNOWN;
	if (hard && far_hard && s.kind != STRATEGY_COUNTERS)
		return CAUSE_BOTH_HARD;
	if (s.kind == STRATEGY_PUNCH && (f->self.no_scan || f->peer.no_scan) &&
	    ((hard && b == NAT_CLASS_EASY) || (far_hard && a == NAT_CLASS_EASY)))
		return CAUSE_FORBIDDEN;
	return hard ? CAUSE_SELF_HARD : far_hard ? CAUSE_PEER_HARD : CAUSE_PUNCH;
}

/* habit() - what such a NAT does, as the rest of "the NAT here ..." */
static const char *habit(const struct nat_profile *nat)
{
	switch (strategy_class(nat)) {
	case NAT_CLASS_UNKNOWN:
		return "is of an unknown kind";
	case NAT_CLASS_OPEN:
		return "lets everybody in";
	case NAT_CLASS_EASY:
		return "keeps one port for all destinations";
	case NAT_CLASS_SEQUENTIAL:
		return "counts up a port for each destination";
	case NAT_CLASS_NARROW:
		return "takes a port from a small block for each destination";
	case NAT_CLASS_WIDE:
		return "takes a random port for each destination";
	case NAT_CLASS_POOL:
		return "takes another address and port for each destination";
	}
	return "is of an unknown kind";
}

static const char *forward(const struct advice_facts *f, char out[static WAY])
{
	if (f->self.levels > 1)
		snprintf(out, WAY, "ask the provider, whose NAT lies behind the "
			 "router here, for a public address");
	else if (f->port)
		snprintf(out, WAY, "forward UDP port %u to this machine on the "
			 "router here", f->port);
	else
		snprintf(out, WAY, "forward a UDP port on the router here");
	return out;
}

/* where() - does UDP get stuck, as far as we know? */
static const char *where(const struct advice_facts *f)
{
	if (f->self.no_udp || !f->udp)
		return "here";
	return f->peer.no_udp ? "at the peer" : "between the two";
}

const char *advice_of(const struct advice_facts *f, char out[static ADVICE_TEXT])
{
	const char *here = habit(&f->self), *there = habit(&f->peer);
	char way[WAY];

	forward(f, way);
	switch (cause_of(f)) {
	case CAUSE_DIRECT:
		snprintf(out, ADVICE_TEXT, "nothing to do: the path is direct");
		break;
	case CAUSE_TCP:
		snprintf(out, ADVICE_TEXT, "the path is direct over TCP, since UDP "
			 "does not get through %s: let UDP out there, and it is "
			 "faster", where(f));
		break;
	case CAUSE_OFFLINE:
		snprintf(out, ADVICE_TEXT, "the peer is offline: start it, or look "
			 "at its own adit status");
		break;
	case CAUSE_STOCK:
		snprintf(out, ADVICE_TEXT, "a WireGuard peer takes no part in path "
			 "discovery: its Endpoint, or ours at its side, must be "
			 "reachable");
		break;
	case CAUSE_NO_UDP:
		snprintf(out, ADVICE_TEXT, "no UDP answer reaches this machine: let "
			 "UDP out of this network, at least to the relays; or let "
			 "the peer be reached by TCP (TCPPort there, aditd.conf(5))");
		break;
	case CAUSE_PEER_NO_UDP:
		snprintf(out, ADVICE_TEXT, "no UDP answer reaches the peer: let UDP "
			 "out of its network; or let this machine be reached by "
			 "TCP: TCPPort = N here, and forward TCP port N on the "
			 "router to it");
		break;
	case CAUSE_SELF_UNKNOWN:
		snprintf(out, ADVICE_TEXT, "the NAT here is not measured yet: wait "
			 "some seconds, then look at adit netcheck");
		break;
	case CAUSE_PEER_UNKNOWN:
		snprintf(out, ADVICE_TEXT, "the peer has not said what its NAT "
			 "does: send it some traffic, and look again");
		break;
	case CAUSE_FORBIDDEN:
		snprintf(out, ADVICE_TEXT, "a port search would make it direct, but "
			 "PortScan = off forbids it %s: allow it, or %s",
			 f->self.no_scan ? "here" : "at the peer", way);
		break;
	case CAUSE_PUNCH:
		snprintf(out, ADVICE_TEXT, "both NATs can be punched and tries go "
			 "on; if it stays so, a firewall drops UDP between them: "
			 "%s", way);
		break;
	case CAUSE_SELF_HARD:
		snprintf(out, ADVICE_TEXT, "the NAT here %s, so the peer has to "
			 "search for it; surer: %s, or have IPv6 on both sides",
			 here, way);
		break;
	case CAUSE_PEER_HARD:
		snprintf(out, ADVICE_TEXT, "the peer's NAT %s, so this side has to "
			 "search for it; surer: %s, or have IPv6 on both sides",
			 there, way);
		break;
	case CAUSE_BOTH_HARD:
		snprintf(out, ADVICE_TEXT, "the NAT here %s and the peer's %s: no "
			 "search can meet; %s, or have IPv6 on both sides",
			 here, there, way);
		break;
	}
	return out;
}
