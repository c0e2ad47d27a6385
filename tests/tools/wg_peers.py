#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# wg_peers.py - wg_peers.py PEERS ROUTES FIRST: as many [Peer] sections of peers that are
# never there, with as many /24 each, from FIRST (an octet) .0.0.0 on
import base64
import ipaddress
import os
import sys


def networks(first, count):
    at = int(ipaddress.IPv4Address("%d.0.0.0" % first))
    return ", ".join("%s/24" % ipaddress.IPv4Address(at + (i << 8)) for i in count)


peers, routes, first = map(int, sys.argv[1:4])
for i in range(peers):
    print("[Peer]")
    print("PublicKey = " + base64.b64encode(os.urandom(32)).decode())
    print("AllowedIPs = " + networks(first, range(i * routes, (i + 1) * routes)))
    print()
