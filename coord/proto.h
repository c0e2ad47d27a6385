/* SPDX-License-Identifier: MIT
 *
 * proto.h - the coordination protocol, version 1, on one page
 *
 * TLS stream -> WebSocket binary messages at PROTO_PATH -> Noise IK (crypto/channel.h)
 * -> one JSON object each, at most PROTO_MESSAGE_MAX octets and PROTO_DEPTH_MAX deep.
 * The payloads of the two handshake messages are {"v":1}: each side states the newest
 * version that it speaks, both use the lower. Who a client is, is the channel's key.
 * Unknown members are ignored, unknown types counted and dropped.
 *
 * Keys are wg(8)'s base64, octets base64, addresses, endpoints and prefixes text.
 *
 *   client to server
 *   join     secret, tunnel, hostname, fast_aes, instance, brief
 *              with the invite's secret; logs in too
 *   login    tunnel, hostname, fast_aes, instance, network, version, expires, brief
 *              version of the map that it holds, and when it says that we expire; instance: random, of the running program
 *              brief: it knows the lists `online` and `offline` of a netmap; who does not
 *              gets whole records
 *   resync                                              a delta did not fit: send it whole
 *   publish  generation, candidates [..], rtt [..]      rtt in ms by position in relays
 *            routes [..]                                subnets it offers, all of them
 *            peer_rtt [[id, ms]..]                      to nodes that relay
 *            carries {key, at [..]}                     it relays for others, there; missing: not
 *   signal   to, m                                      m: sealed for that peer
 *   leave                                               for good
 *   probe                                               answer to probe
 *
 *   server to client
 *   welcome  id, name, time, seen                       join or login done; time: s since 1970;
 *              seen: the endpoint that this channel comes from, by TCP
 *   netmap   full, more, from, version, reset, network, overlay [v4, v6], self, peers [..],
 *            removed [id..], online [id..], offline [id..], relays [..], peer_relays [..],
 *            sign, rules, waiting, expires
 *              peer_relays: nodes that relay; comes with relays; a release that does not
 *              know it does without; sign: key of the tokens' signatures
 *              full: all there is; more: parts follow, take them together
 *              else the difference between versions `from` and `version`; a record replaces
 *              that of its id; online, offline: of peers whose records are as they were;
 *              reset: all peers but those in it are offline; members that did not change
 *              are missing; rules: see coord/rules.h, null: none;
 *              waiting (beside self): an administrator has yet to approve this node
 *              expires (beside self or alone): end of our membership, s since 1970, or 0
 *   signal   from, m
 *   token    token, expires                             admission to relays
 *   left                                                leave done
 *   removed                                             this node is no member any more
 *   probe                                               give a sign of life
 *   warning  text                                       for the user
 *   error    code, text, final                          text: a sentence for the user
 *              code "expired", not final: stay, the welcome comes when we are revived
 *
 *   records
 *   node     id, gateway, name, key, v4, v6, tags, routes [..], online, fast_aes, generation,
 *            candidates [{at, kind, attested}], rtt [..], peer_rtt [..], sig (unused yet)
 *              gateway: id of the node that serves this one, a stock WireGuard
 *   relay    id, name, key, at [..], url, node          url: over TLS; node: it is that node
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/addr.h"
#include "base/attr.h"
#include "crypto/key.h"

#define PROTO_PATH "/adit/coord"

enum {
	PROTO_VERSION = 1,
	PROTO_MESSAGE_MAX = 1000 * 1024,
	PROTO_REQUEST_MAX = 16 * 1024, /* of a client */
	PROTO_DEPTH_MAX = 8,
	PROTO_SIGNAL_MAX = 1200, /* octets of a sealed message */
	PROTO_SIGNALS = 8, /* per pair and direction ... */
	PROTO_SIGNALS_S = 30, /* ... in so many seconds */
	PROTO_PART_PEERS = 400, /* records of one netmap message */
};

enum proto_type {
	PROTO_JOIN,
	PROTO_LOGIN,
	PROTO_RESYNC,
	PROTO_PUBLISH,
	PROTO_SIGNAL,
	PROTO_LEAVE,
	PROTO_PROBE,
	PROTO_WELCOME,
	PROTO_NETMAP,
	PROTO_TOKEN,
	PROTO_LEFT,
	PROTO_REMOVED,
	PROTO_ERROR,
	PROTO_WARNING,
	PROTO_UNKNOWN,
};

const char *proto_type_name(enum proto_type t);

/**
 * proto_parse() - Untrusted octets to an object
 * @max: Octets at most
 * @type: PROTO_UNKNOWN if the object has no type that we know
 * Return: a new reference; NULL: too long, too deep, doubled member, or no object
 */
must_check json_t *proto_parse(const void *p, size_t n, size_t max,
			       enum proto_type *type);

/* proto_new() - {"type":...}; NULL: no memory */
json_t *proto_new(enum proto_type t);

/* Members of untrusted objects: false (or the default) if missing or of a wrong kind. */
const char *proto_text(const json_t *o, const char *member); /* NULL: none */
bool proto_bool(const json_t *o, const char *member);
uint64_t proto_number(const json_t *o, const char *member); /* 0: none, negative */
must_check bool proto_key(const json_t *o, const char *member,
			  struct key_public *out);
must_check bool proto_octets(const json_t *o, const char *member, void *out,
			     size_t room, size_t *n);

void proto_set_text(json_t *o, const char *member, const char *v);
void proto_set_bool(json_t *o, const char *member, bool v);
void proto_set_number(json_t *o, const char *member, uint64_t v);
void proto_set_key(json_t *o, const char *member, const struct key_public *k);
/* proto_set_octets() - n <= PROTO_SIGNAL_MAX */
void proto_set_octets(json_t *o, const char *member, const void *p, size_t n);

struct channel;
struct stream;

/* proto_send() - seal and queue; takes the reference; false: not sent, close */
bool proto_send(struct stream *s, struct channel *c, json_t *o);
/* proto_send_text() - the same with n octets of JSON */
bool proto_send_text(struct stream *s, struct channel *c, const char *text, size_t n);
