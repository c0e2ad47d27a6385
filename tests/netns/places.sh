#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# places.sh - a network is known again: after a restart peers are told at once what its NAT did
#
# No STUN server is there at the second start, so that nothing can be measured: what the node
# says of its NAT is memory alone. Then the servers come back and the measurement takes over;
# behind another router nothing is remembered.
. "$(dirname "$0")/lib.sh"

netcheck() { adit a netcheck --json | jq -r "$1"; }
class() { adit a why b --json | jq -r .local.nat; }
measured() { [ "$(netcheck .ipv4.mapping)" != unknown ]; }
remembered() { [ "$(netcheck .ipv4.remembered_s)" != null ]; }
kept() { [ -s "$LAB/a/state/places.json" ]; }
# again - a stops and starts
again() {
	stop a aditd
	node_start a
}

lab_need
adit_up symmetric-block home
check "the NAT of a is measured" wait_for 20 measured
check "and kept" wait_for 20 kept
before=$(class)
range=$(netcheck .ipv4.ports_searched)
check "another port of a block for each peer" [ "$before" = port-block ]

coord_kill
again
check "nothing can be measured now" [ "$(netcheck .ipv4.mapping)" = unknown ]
check "what was measured is remembered" wait_for 3 remembered
check "peers are told the same kind" [ "$(class)" = "$before" ]
figure remembered_age "$(netcheck .ipv4.remembered_s)" s

say "hurting the file"
stop a aditd
echo '{"places":[{"router":' >"$LAB/a/state/places.json"
node_start a
check "a starts" adit a status
check "and says why it remembers nothing" grep -q "places.json" "$LAB/a/aditd.log"
check "there is nothing" [ "$(netcheck .ipv4.remembered_s)" = null ]

coord_start
check "it is measured again" wait_for 30 measured
check "and kept again" wait_for 20 kept

ip -n ${LAB_PREFIX}r1 link set dev lan address 02:00:00:00:99:01
ip -n ${LAB_PREFIX}a neigh flush dev eth0
ns a ping -q -c 1 -W 2 "$SRV" >/dev/null
coord_kill
again
sleep 3
check "another router is another place" [ "$(netcheck .ipv4.remembered_s)" = null ]
coord_start
check "the measurement has the last word" wait_for 30 measured
check "memory is out of use" [ "$(netcheck .ipv4.remembered_s)" = null ]
figure ports_searched "$range" ports
finish
