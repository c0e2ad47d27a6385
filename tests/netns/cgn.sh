#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# cgn.sh - a carrier's NAT behind the router in the house: noticed, said, and crossed
#
#   a --- r1 (home) 100.64.1.2 --- cgn (another one) 11.1.0.2 --- inet --- r2 --- b
. "$(dirname "$0")/lib.sh"

carrier() {
	ip netns add ${LAB_PREFIX}cgn && ip -n ${LAB_PREFIX}cgn link set lo up || return 1
	mkdir -p "$LAB/cgn"
	ip -n ${LAB_PREFIX}r1 link del wan
	link r1 wan 100.64.1.2/24 cgn lan 100.64.1.1/24 &&
		link cgn wan 11.1.0.2/24 inet r1 11.1.0.1/24 &&
		gateway r1 100.64.1.1 && gateway cgn 11.1.0.1 || return 1
	ns cgn sysctl -qw net.ipv4.ip_forward=1
	nat_rules home 11.1.0.2 | ns cgn nft -f - && nat_flush a
}
levels() { adit "$1" netcheck --json 2>/dev/null | jq .ipv4.nat_levels; }
levels_are() { [ "$(levels "$1")" = "$2" ]; }
advice() { adit a why b | tail -n 1; }

programs
lab_up home home
carrier || die "the carrier's NAT does not come up"
coord_start
for n in a b; do node_start $n; done
for n in a b; do node_join $n; done
IP_A=$(overlay a) IP_B=$(overlay b)
check "a sees two NATs" wait_for 10 levels_are a 2
check "b sees one" wait_for 10 levels_are b 1
start=$(now_ms)
check "they go direct through all three" go_direct 15
figure direct $(($(now_ms) - start)) ms
block_direct
check "without a direct path: relayed" wait_for 15 paths_are relay
check "a port forward is not what a is advised" bash -c "[[ $(printf %q "$(advice)") == *'ask the provider'* ]]"
[ "$FAILS" = 0 ] || { advice; adit a why b; adit a netcheck; }
finish
