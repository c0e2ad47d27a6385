#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# uplinks.sh - a host with two uplinks: one dies, data moves to the other, and comes back
#
# a has a second way out, through a router of its own:
#
#      a eth1 ------- r3 ----------- inet
#      10.3.0.2  10.3.0.1  11.3.0.2  11.3.0.1
#
# Its routes prefer eth0. The usual uplink dies without a word behind its router (a's links
# stay up, servers and peer are silent), then by its link. CASES="silent link_down answers".
. "$(dirname "$0")/lib.sh"

CASES=${CASES:-silent link_down answers}
US=11.1.0.2 SPARE=11.3.0.2

second_uplink() {
	ip netns add ${LAB_PREFIX}r3 && ip -n ${LAB_PREFIX}r3 link set lo up && mkdir -p "$LAB/r3" &&
		link r3 wan $SPARE/24 inet r3 11.3.0.1/24 &&
		link r3 lan 10.3.0.1/24 a eth1 10.3.0.2/24 || die "no second uplink"
	gateway r3 11.3.0.1
	ns r3 sysctl -qw net.ipv4.ip_forward=1
	nat_rules home $SPARE >"$LAB/r3/nat.nft"
	ns r3 nft -f "$LAB/r3/nat.nft" || die "r3 gets no NAT"
	ip -n ${LAB_PREFIX}a route add default via 10.3.0.1 dev eth1 metric 600
	usual_route
}
# usual_route - as the host's network manager would make it
usual_route() {
	ip -n ${LAB_PREFIX}a route del default via 10.0.0.1 dev eth0 2>/dev/null
	ip -n ${LAB_PREFIX}a route add default via 10.0.0.1 dev eth0 metric 100
}
# seen_of_a - the address of a that b sends to
seen_of_a() { peer_field b .path.remote | sed 's/:[0-9]*$//'; }
goes_by() { [ "$(seen_of_a)" = "$1" ] && path_is a direct && path_is b direct; }
why_paths() { adit "$1" why "${OTHER[$1]}" --json | jq -r ".paths[] | select($2) | .state" | grep -qx alive; }
spare_ready() { why_paths a .spare && why_paths b .spare; }
uplink_is() { [ "$(adit a netcheck --json | jq -r ".uplinks[] | select(.name == \"$1\") | .usual")" = "$2" ]; }

# sever HOW - end the usual uplink; mend HOW - undo it
sever() {
	case $1 in
	silent) block cut 'iifname "r1"' 'oifname "r1"' ;;
	link_down) ip -n ${LAB_PREFIX}a link set eth0 down ;;
	esac
}
mend() {
	case $1 in
	silent) unblock cut ;;
	link_down)
		ip -n ${LAB_PREFIX}a link set eth0 up
		usual_route
		;;
	esac
}
dies() { # HOW
	local start
	check "$1: a path by the spare uplink stands ready" wait_for 40 spare_ready
	probe_start a 60 50
	sleep 1
	sever "$1"
	check "$1: data goes by the spare uplink" wait_for 5 goes_by $SPARE
	sleep 2
	mend "$1"
	start=$(now_ms)
	check "$1: the usual uplink is taken again" wait_for 60 goes_by $US
	figure "$1_back" $(($(now_ms) - start)) ms
	sleep 1
	probe_wait a now
	check_le "$1_pause" "$(probe_field a longest_ms)" ms 1500
	figure "$1_lost" "$(probe_field a lost)" packets
}

# answers - b's ping to an address of a's that it does not send from is answered from there;
# what the host says of the packets: none leaves from another address
answers() {
	ip -n ${LAB_PREFIX}a addr add 10.0.0.77/24 dev eth0
	ns a nft -f - <<N
table inet source {
	counter second { }
	chain out {
		type filter hook output priority filter; policy accept;
		ip saddr 10.0.0.77 udp sport 24100 counter name second
	}
}
N
	# the same LAN: b next to a, so that its pings reach the second address
	ip -n ${LAB_PREFIX}r1 link add br-lan type bridge &&
		ip -n ${LAB_PREFIX}r1 link set lan master br-lan &&
		ip -n ${LAB_PREFIX}r1 addr flush dev lan &&
		ip -n ${LAB_PREFIX}r1 addr add 10.0.0.1/24 dev br-lan &&
		ip -n ${LAB_PREFIX}r1 link set br-lan up &&
		ip -n ${LAB_PREFIX}r1 link add lan2 type veth peer name eth2 netns ${LAB_PREFIX}b &&
		ip -n ${LAB_PREFIX}r1 link set lan2 master br-lan &&
		ip -n ${LAB_PREFIX}r1 link set lan2 up &&
		ip -n ${LAB_PREFIX}b link set eth0 down &&
		ip -n ${LAB_PREFIX}b addr add 10.0.0.3/24 dev eth2 &&
		ip -n ${LAB_PREFIX}b link set eth2 up && gateway b 10.0.0.1 || die "no common LAN"
	spawn a traffic ping -q -n -i 0.1 "$IP_B"
	check "answers: they leave from the second address" wait_for 40 second_speaks
	stop a traffic
}
second_speaks() {
	[ "$(ns a nft -j list counter inet source second | jq '.nftables[] | .counter // empty | .packets')" -gt 0 ]
}

lab_need
adit_up
second_uplink
check "both uplinks are known, and which is the usual one" wait_for 10 uplink_is eth1 false
check "eth0 is the usual one" uplink_is eth0 true
check "the path is direct" go_direct 15
check "by the usual uplink" wait_for 5 goes_by $US
spawn a traffic ping -q -n -i 0.2 "$IP_B"
for how in $CASES; do
	case $how in
	answers) stop a traffic && answers ;;
	*) dies "$how" ;;
	esac
done
finish
