/* SPDX-License-Identifier: MIT
 *
 * exitnode.c - all traffic through one peer that this machine has chosen
 */
#include "daemon/exitnode.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/network.h"
#include "tun/detour.h"

void exitnode_set_mark(struct node *n)
{
	const int mark = DETOUR_MARK;
	int fd;

	if (n->conf.mark)
		return;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    !setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		n->conf.mark = DETOUR_MARK;
	if (fd >= 0)
		close(fd);
}

static bool serves(const struct netmap_node *peer)
{
	for (unsigned i = 0; i < peer->route_count; i++)
		if (prefix_is_default(&peer->routes[i]))
			return true;
	return false;
}

static const struct netmap_node *named(const struct node *n, const char *name)
{
	for (unsigned i = 0; i < n->netmap.peer_count; i++)
		if (!strcmp(n->netmap.peers[i].name, name))
			return &n->netmap.peers[i];
	return NULL;
}

static const struct netmap_node *chosen(const struct node *n)
{
	for (unsigned i = 0; i < n->netmap.peer_count; i++)
		if (exitnode_is(n, &n->netmap.peers[i]))
			return &n->netmap.peers[i];
	return NULL;
}

bool exitnode_choose(struct node *n, const char *name,
		     char why[static EXITNODE_WHY])
{
	const struct netmap_node *peer = named(n, name);
	bool off = !strcmp(name, "off");

	if (!off && n->up && !n->conf.mark)
		snprintf(why, EXITNODE_WHY, "exit-node: aditd may not mark its "
			 "packets, so they would go into their own tunnel; give "
			 "it CAP_NET_ADMIN");
	else if (!off && n->state.advertise_exit)
		snprintf(why, EXITNODE_WHY, "exit-node: this machine is one itself; "
			 "first: adit set advertise-exit off");
	else if (!off && !peer)
		snprintf(why, EXITNODE_WHY, "exit-node: no peer is called %.64s; "
			 "adit status lists them", name);
	else if (!off && !serves(peer))
		snprintf(why, EXITNODE_WHY, "exit-node: %.64s is none; there: adit "
			 "set advertise-exit on; at the server: adit-coord route "
			 "approve %.64s exit", name, name);
	else {
		n->state.exit_id = off ? 0 : peer->id;
		snprintf(n->state.exit_name, sizeof(n->state.exit_name), "%s",
			 off ? "" : name);
		network_apply(n, time_now());
		exitnode_update(n);
		return true;
	}
	return false;
}

bool exitnode_is(const struct node *n, const struct netmap_node *peer)
{
	return n->state.exit_id && peer->id == n->state.exit_id;
}

void exitnode_update(struct node *n)
{
	int err;

	if (!n->up || n->detoured == (n->state.exit_id != 0))
		return;
	if (n->state.exit_id)
		err = detour_begin(n->device.index, n->device.name, n->conf.mark);
	else
		err = detour_end(n->device.name, n->conf.mark);
	if (err) {
		log_error("exit node: the host's rules cannot be %s: %s",
			  n->state.exit_id ? "made" : "removed", strerror(-err));
		return;
	}
	n->detoured = n->state.exit_id != 0;
	log_info("exit node: %s", n->detoured ? n->state.exit_name : "off");
}

void exitnode_close(struct node *n)
{
	int err = n->conf.mark ? detour_end(n->device.name, n->conf.mark) : 0;

	if (err)
		log_error("exit node: the host's rules cannot be removed: %s",
			  strerror(-err));
	n->detoured = false;
}

/* strict() - does the kernel refuse a source that it would not answer through the
 * interface it came from? Our unmarked look-up goes to the tunnel. */
static bool strict(void)
{
	int fd = open("/proc/sys/net/ipv4/conf/all/rp_filter",
		      O_RDONLY | O_CLOEXEC);
	char c = '0';

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c == '1';
}

const char *exitnode_advice(const struct node *n)
{
	const struct netmap_node *peer = chosen(n);

	if (!n->up || !n->state.exit_id)
		return NULL;
	if (!n->detoured)
		return "the exit node is not in effect: the host's rules could not "
		       "be made, see the log";
	if (!peer)
		return "the exit node is no peer any more and nothing gets out; run: "
		       "adit set exit-node off";
	if (!serves(peer))
		return "the exit node is not approved any more and nothing gets out; "
		       "have it approved, or run: adit set exit-node off";
	if (strict())
		return "strict reverse path filtering drops what comes in beside the "
		       "exit node; run: sysctl -w net.ipv4.conf.all.rp_filter=2";
	return NULL;
}

json_t *exitnode_status(const struct node *n)
{
	const struct netmap_node *peer = chosen(n);
	const char *uses = n->state.exit_id ? peer ? peer->name :
					      n->state.exit_name : NULL;

	return json_pack("{s:b,s:b,s:s?,s:b}", "offered",
			 (int)n->state.advertise_exit, "approved",
			 (int)serves(&n->netmap.self), "uses", uses, "works",
			 (int)(n->detoured && peer && serves(peer)));
}
