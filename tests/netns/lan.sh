#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# lan.sh - two nodes on one LAN: direct there; and they meet with every server dead
#
# a and b sit behind the same router r1, which does not hairpin, so both show one external
# address. a has neighbours of other kinds, too: a bridge of containers and the tunnels of
# other VPNs, which must be neither candidates nor called on.
. "$(dirname "$0")/lib.sh"

one_lan() {
	ip -n ${LAB_PREFIX}b link del eth0
	ip -n ${LAB_PREFIX}r1 link add br-lan type bridge &&
		ip -n ${LAB_PREFIX}r1 addr flush dev lan &&
		ip -n ${LAB_PREFIX}r1 addr add 10.0.0.1/24 dev br-lan &&
		ip -n ${LAB_PREFIX}r1 link set lan master br-lan &&
		ip -n ${LAB_PREFIX}r1 link set br-lan up &&
		ip -n ${LAB_PREFIX}r1 link add lan2 type veth peer name eth0 netns ${LAB_PREFIX}b &&
		ip -n ${LAB_PREFIX}r1 link set lan2 master br-lan &&
		ip -n ${LAB_PREFIX}r1 link set lan2 up &&
		ip -n ${LAB_PREFIX}b link set eth0 up || die "the LAN does not come up"
	readdress a 10.0.0.2 && readdress b 10.0.0.3
}
# readdress HOST IP - and a default route where there is a router
readdress() {
	ip -n $LAB_PREFIX$1 -4 addr flush dev eth0
	ip -n $LAB_PREFIX$1 addr add "$2/24" dev eth0
	[[ $2 != 10.0.0.* ]] || gateway "$1" 10.0.0.1
}
# strangers - interfaces of a that lead to no peer
strangers() {
	ip -n ${LAB_PREFIX}a link add docker0 type bridge &&
		ip -n ${LAB_PREFIX}a addr add 172.17.0.1/16 dev docker0 &&
		ip -n ${LAB_PREFIX}a link add inner type veth peer name container &&
		ip -n ${LAB_PREFIX}a link set inner master docker0 &&
		ip -n ${LAB_PREFIX}a link set inner up &&
		ip -n ${LAB_PREFIX}a link set container netns ${LAB_PREFIX}r2 &&
		ip -n ${LAB_PREFIX}r2 link set container up &&
		ip -n ${LAB_PREFIX}a link set docker0 up || die "no bridge of containers"
	ip -n ${LAB_PREFIX}a tuntap add dev wg7 mode tun &&
		ip -n ${LAB_PREFIX}a addr add 10.99.0.1/24 dev wg7 &&
		ip -n ${LAB_PREFIX}a -6 addr add 2001:db8:99::1/64 dev wg7 &&
		ip -n ${LAB_PREFIX}a link set wg7 up || die "no tunnel of another VPN"
	ns a nft -f - <<N
table inet calls {
	counter lan { }
	counter strange { }
	chain out {
		type filter hook output priority 0; policy accept;
		udp dport 21759 oifname "eth0" counter name lan
		udp dport 21759 oifname != "eth0" counter name strange
	}
}
N
}
calls() { ns a nft -j list counter inet calls "$1" | jq '.nftables[] | .counter // empty | .packets'; }
candidates() { adit "$1" why "${OTHER[$1]}" --json 2>/dev/null | jq -r '.local.candidates[].at'; }
has_candidate() { candidates "$1" | grep -qF "$2"; }
remote() { peer_field "$1" .path.remote; }
remote_is() { [[ $(remote "$1") == $2 ]]; }
# restart TEXT PATTERN - both nodes anew, servers dead: they meet at PATTERN
restart() {
	local start at
	node_kill a
	node_kill b
	start=$(now_ms)
	node_start a
	node_start b
	at=$(first_answer a 20)
	check "$1: they meet" test -n "$at"
	[ -z "$at" ] || check_le "meet_$1" $((at - start)) ms 5000
	check "$1: at $2" wait_for 5 remote_is a "$2"
}

lab_need
programs
lab_up home home
one_lan
strangers
coord_start
node_start a
node_start b
node_join a
node_join b
IP_A=$(overlay a) IP_B=$(overlay b)
check "the path is direct" go_direct 15
check "a reaches b over the LAN" remote_is a "10.0.0.3:24100"
check "b reaches a over the LAN" remote_is b "10.0.0.2:24100"
check "a's address is a candidate" wait_for 5 has_candidate a 10.0.0.2:
check "the containers' bridge is none" eval '! has_candidate a 172.17.0.1:'
check "another VPN's address is none" eval '! has_candidate a 10.99.0.1: && ! has_candidate a 2001:db8:99::1'
check "nor is our own" eval '! has_candidate a "$IP_A:"'

stored() { grep -q "\"${OTHER[$1]}\"" "$LAB/$1/state/netmap.json"; }
check "each has the other in its map on disk" eval 'wait_for 5 stored a && wait_for 5 stored b'

say "--- every server dies; the addresses are others when the nodes come back"
coord_kill
for host in a b; do
	ns $host sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
done
readdress a 10.7.0.2
readdress b 10.7.0.3
restart ipv4 "10.7.0.3:24100"

say "--- and change for both at once while they run"
spawn a traffic ping -q -n -i 0.1 "$IP_B"
readdress a 10.8.0.2
readdress b 10.8.0.3
start=$(now_ms)
check "they meet again" wait_for 20 remote_is a "10.8.0.3:24100"
check "packets pass" wait_for 5 pings a
check_le meet_renumbered $(($(now_ms) - start)) ms 15000
stop a traffic

say "--- no IPv4 at all, and no IPv6 but what each link has by itself"
for host in a b; do
	ip -n $LAB_PREFIX$host -4 addr flush dev eth0
	ns $host sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0
done
wait_for 5 eval '[ -z "$(ip -n ${LAB_PREFIX}a -6 addr show dev eth0 tentative)" ]'
wait_for 5 eval '[ -z "$(ip -n ${LAB_PREFIX}b -6 addr show dev eth0 tentative)" ]'
restart ipv6 "*fe80:*"

check "calls went out on the LAN" num "$(calls lan) >= 1"
check "and nowhere else" num "$(calls strange) == 0"

say "--- a peer that is not there is called less and less"
node_kill b
before=$(calls lan)
ns a ping -q -n -c 40 -i 0.2 -W 1 "$IP_B" >/dev/null 2>&1
called=$(($(calls lan) - before))
check_le calls_in_8_s "$called" packets 12
check "it is called again" num "$called >= 2"

finish
