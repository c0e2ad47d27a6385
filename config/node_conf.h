/* SPDX-License-Identifier: MIT
 *
 * node_conf.h - configuration of aditd: /etc/adit/aditd.conf, drop-ins, flags
 *
 * Every flag is also a key. A [Peer] section describes a stock WireGuard peer in the
 * words of wg(8); with one or more of them and [Interface] PrivateKey the daemon also
 * runs without any coordination server. [Node] and [Interface] both describe this
 * machine: their keys may stand in either, or before the first section. Keys are
 * compared without case; of a key given twice the later counts, except Address and
 * AllowedIPs, which add up.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/attr.h"
#include "base/log.h"
#include "base/proxy.h"
#include "crypto/key.h"

enum {
	NODE_CONF_PEERS_MAX = 16384,
	NODE_CONF_ALLOWED_MAX = 64, /* per peer */
	NODE_CONF_ADDRESSES_MAX = 4,
	NODE_CONF_TCP_AUTO = 65536, /* TCPPort: as it makes sense */
};

struct node_conf_peer { /* [Peer], wg(8) */
	struct key_public key; /* PublicKey */
	struct key_psk psk; /* PresharedKey */
	struct endpoint at; /* Endpoint (address, not name); zero: none */
	struct prefix *allowed; /* AllowedIPs; heap, NODE_CONF_ALLOWED_MAX at most */
	unsigned allowed_count;
	uint16_t keepalive_s; /* PersistentKeepalive */
};

struct node_conf {
	char state[PATH_MAX]; /* State, --state: /var/lib/adit */
	char socket[108]; /* Socket, --socket: /run/adit/adit.sock */
	char tun[16]; /* Tun, --tun: adit0 */
	char domain[128]; /* Domain: adit.internal; "off": no names */
	uint16_t port; /* ListenPort, --port; 0: one kept in the state, 20000..31999 */
	enum log_level log_level; /* LogLevel */
	char metrics[108]; /* Metrics: ADDRESS:PORT or /PATH; "": off */
	unsigned mtu; /* MTU: 1280..9000, default 1400 */
	unsigned workers; /* Workers; 0: chosen */
	char aead[32]; /* Aead: force an implementation; "" chosen */
	uint32_t mark; /* FwMark; 0: daemon/exitnode.c sets one */
	uint16_t rotate_days; /* RotateKey; 0: never by itself */
	bool port_mapping; /* PortMapping: ask routers to let peers in; yes */
	bool have_proxy; /* Proxy was given: the environment does not count */
	struct proxy proxy; /* Proxy, ProxyUser, ProxyPassword, NoProxy */
	uint32_t tcp_port; /* TCPPort; 0: off; NODE_CONF_TCP_AUTO, the default */
	uint16_t relay_port; /* RelayPort; 0: the one behind ListenPort */
	unsigned relay_rate, relay_daily; /* RelayRate, Mbit/s; RelayDaily, GB; 0: any */
	bool lan_hello; /* LanHello: look for peers on the LAN by multicast; yes */
	uint32_t ike_port; /* IKEPort; 0: never move to UDP port 500 */
	uint32_t port_scan; /* PortScan; 0: never search a NAT for a port */
	bool have_private; /* [Interface] PrivateKey */
	struct key_private private_key;
	struct ipaddr address_ips[NODE_CONF_ADDRESSES_MAX]; /* [Interface] Address */
	struct prefix addresses[NODE_CONF_ADDRESSES_MAX];
	unsigned address_count;
	struct node_conf_peer *peers; /* heap */
	unsigned peer_count;
	char refusal[256]; /* what node_conf_set() said last */
};

void node_conf_defaults(struct node_conf *c);
void node_conf_done(struct node_conf *c); /* wipes keys; safe on zeroed memory */

/**
 * node_conf_read() - A file and its drop-ins (every .conf in FILE.d, sorted)
 * @c:    After node_conf_defaults(); flags are set afterwards, so they win
 * @path: File; it need not exist if `optional`
 * @why:  On failure "FILE:LINE: what is wrong; allowed is ..."
 *
 * A file that holds PrivateKey or PresharedKey and that others than its owner may read
 * or write is refused.
 *
 * Return: 0 or -EINVAL, -EPERM, -ENOENT, ...; on failure *c is fit for
 * node_conf_done() only
 */
must_check int node_conf_read(struct node_conf *c, const char *path, bool optional,
			      char why[static 512]);

/* node_conf_set() - one key of this machine by name ("ListenPort"), as from a flag;
 * NULL, or a sentence that lives until the next call with c */
must_check const char *node_conf_set(struct node_conf *c, const char *key,
				     const char *value);

/* node_conf_print() - everything as a file that node_conf_read() takes; secret values
 * are left out and said to be hidden (--print-config) */
void node_conf_print(const struct node_conf *c, FILE *f);

/* node_conf_manual() - the keys as the body of a scdoc(5) page, from the table */
void node_conf_manual(FILE *f);
