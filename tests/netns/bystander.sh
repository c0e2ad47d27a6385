#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# bystander.sh - a peer names a third machine's address as its own, over and over
#
# Node b has the bystander's address on its interface, and takes and gives back another
# one, so that each of its many candidate lists names the bystander. Node a is at a home
# router, b behind a NAT whose port a has to search for: the search must not go astray.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

BY=11.8.0.2

bystander_up() {
	ip netns add ${LAB_PREFIX}by && mkdir -p "$LAB/by" &&
		link by wan $BY/24 inet by 11.8.0.1/24 && gateway by 11.8.0.1 || return 1
	cat >"$LAB/by/count.nft" <<N
table inet count {
	counter named { }
	chain in {
		type filter hook prerouting priority raw; policy accept;
		iifname "wan" ip saddr ${WAN[r1]} counter name named
	}
}
N
	ns by nft -f "$LAB/by/count.nft"
}
counted() {
	ns by nft -j list counter inet count named | jq '[.nftables[].counter // empty | .packets][0]'
}

# accuse TIMES - another list, with the bystander in it
accuse() {
	local i
	for ((i = 0; i < $1; i++)); do
		ip -n ${LAB_PREFIX}b addr add 11.7.0.$((1 + i))/32 dev eth0
		sleep 0.3
		ip -n ${LAB_PREFIX}b addr del 11.7.0.$((1 + i))/32 dev eth0
		sleep 0.3
	done
}
outcome() { adit a why b --json | jq -e --arg w "$1" '[.tried[].what] | any(contains($w))'; }
searched() { path_is a direct || outcome R3; }

lab_need
adit_up home symmetric-random
bystander_up || die "the bystander's network does not come up"
check "the lab's bystander is reached and counted" ns a ping -q -c 1 -W 2 $BY
reached=$(counted)
start=$(now_ms)
ip -n ${LAB_PREFIX}b addr add $BY/32 dev eth0
spawn a traffic ping -q -n -i 0.05 "$(overlay_of b)"
check "a tries the address that b names" wait_for 10 outcome $BY
check "a searches b's NAT" wait_for 15 searched
accuse 20
while [ $(($(now_ms) - start)) -lt 29500 ]; do sleep 0.2; done
total=$(($(counted) - reached))
stop a traffic
check_ge bystander_packets "$total" packets 1
check_le bystander_packets "$total" packets 16
figure bystander_refused "$(adit a status --json | jq .unproven.refused)" packets
finish
