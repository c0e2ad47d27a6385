#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# routes.sh - two routers before one subnet, an approval, a failover, and what is refused
#
#   a (behind r1) ... b (behind r2) --- lan 192.168.77.0/24 --- h (192.168.77.10)
#                     c (in inet)   ----'
. "$(dirname "$0")/lib.sh"

SUBNET=192.168.77.0/24 H=192.168.77.10

routes_wire() {
	local n
	for n in c lan h; do
		ip netns add $LAB_PREFIX$n && ip -n $LAB_PREFIX$n link set lo up || return 1
		mkdir -p "$LAB/$n"
	done
	ip -n ${LAB_PREFIX}lan link add br0 type bridge && ip -n ${LAB_PREFIX}lan link set br0 up &&
		link c eth0 11.3.0.2/24 inet toc 11.3.0.1/24 && gateway c 11.3.0.1 &&
		link b eth1 192.168.77.1/24 lan pb 0.0.0.0/32 &&
		link c eth1 192.168.77.2/24 lan pc 0.0.0.0/32 &&
		link h eth0 $H/24 lan ph 0.0.0.0/32 || return 1
	for n in pb pc ph; do ip -n ${LAB_PREFIX}lan link set $n master br0; done
	gateway h 192.168.77.1
}
# pause_start, pause_end - longest pause in ms between answers to pings every 20 ms
pause_start() { : >"$LAB/a/pause.log"; spawn a pause ping -D -n -i 0.02 -W 1 $H; }
pause_end() {
	kill -INT "$(pid_of a pause)"
	wait_for 2 gone a pause
	awk -F'[][]' -v end="$(now_ms)" '
		function look(t) { if (last && t - last > most) most = t - last; last = t }
		/bytes from/ { look($2) }
		END { look(end / 1000); printf "%d\n", (NR > 20 ? most : 99) * 1000 }' "$LAB/a/pause.log"
}
reaches() { ns a ping -q -n -c 1 -W 1 $H >/dev/null 2>&1; }
route() { coord_ctl route "$@"; }
via() { [ "$(adit a status --json | jq -r ".routes.used[] | select(.prefix == \"$SUBNET\").via")" = "$1" ]; }
via_any() { via b || via c; }
refused_of() { adit "$1" status --json | jq -r '.routes.refused[0].why // empty'; }
says() { # TEXT COMMAND... - somewhere in what it prints, whatever its status
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	[[ $out == *"$text"* ]]
}
fails() { ! "$@" >/dev/null 2>&1; }

lab_need python3
adit_up
routes_wire || die "the second site does not come up"
node_start c
node_join c

say "# offers that are refused, with the reason"
for row in "0.0.0.0/0|default route" "::/0|default route" "127.0.0.0/8|loopback" "100.90.3.0/24|own range" \
	"11.9.0.0/24|address of a server" "224.0.0.0/4|cannot be routed" "nonsense|nonsense"; do
	check "${row%|*}" says "${row#*|}" adit b set advertise-routes "${row%|*}"
done
check "and nothing was kept" [ "$(adit b status --json | jq '.routes.offered | length')" = 0 ]
check "no such setting" says "no setting is called" adit b set colour blue

say "# offer, approval, acceptance"
check "b offers" adit b set advertise-routes $SUBNET
check "b is told that it does not forward" says "does not forward IPv4" adit b status --json
ns b sysctl -qw net.ipv4.ip_forward=1
ns c sysctl -qw net.ipv4.ip_forward=1
check "nobody uses it before the approval" fails reaches
check "the server lists it" wait_for 2 says offered route list
check "another subnet is not approved" says "does not offer" route approve b 192.168.78.0/24
check "approved" route approve b $SUBNET
check "a does not accept routes by itself" wait_for 2 says "not accepted here" adit a status --json
check "and does not reach it" fails reaches
check "a accepts" adit a set accept-routes on
check "a reaches the host behind b" wait_for 5 reaches
check "by b" via b
go_direct 10
drops() { adit "$1" status --json | jq -r ".drops.$2 // 0"; }
# a datagram as our own socket would send it to a candidate behind b
ns a python3 -c "import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
s.sendto(struct.pack('>4H', 24100, 24100, 12, 0) + b'ping', ('$H', 0))"
check "a datagram of our own does not go into a tunnel" wait_for 2 eval 'num "$(drops a underlay_loop) > 0"'
check "the subnet is reached as before" reaches

say "# the host behind reaches nodes only in answer"
IP_C=$(overlay c)
ip -n ${LAB_PREFIX}h route add 100.90.0.0/16 via 192.168.77.1
ns a nft -f - <<N
table inet seen {
	chain i {
		type filter hook input priority filter
		iifname "$(tun_of a)" ip saddr $H counter
		iifname "$(tun_of a)" icmp type echo-request counter
		iifname "$(tun_of a)" udp dport 9 counter
	}
}
N
ns h ping -q -n -c 3 -i 0.2 -W 1 "$IP_A" >/dev/null 2>&1
ns h bash -c "echo x >/dev/udp/$IP_A/9" 2>/dev/null
check "0 packets of its own delivered" [ "$(ns a nft list table inet seen | grep -o 'packets [0-9]*' | awk '{ n += $2 } END { print n }')" = 0 ]

say "# a directly attached network wins"
ip -n ${LAB_PREFIX}a link add lan0 type veth peer name lan1 && ip -n ${LAB_PREFIX}a link set lan1 up
ip -n ${LAB_PREFIX}a addr add 192.168.77.99/24 dev lan0
ip -n ${LAB_PREFIX}a link set lan0 up
check "the offer is left aside" wait_for 2 says "through lan0" adit a status --json
check "by the kernel, too" says "dev lan0" ns a ip route get $H
ip -n ${LAB_PREFIX}a link del lan0
check "and taken again" wait_for 3 reaches

say "# two routers"
check "c offers the same" adit c set advertise-routes $SUBNET
check "the server lists that too" wait_for 2 says "offered " route list
check "approved for c too" route approve c $SUBNET
check "part of it is not" eval 'adit c set advertise-routes $SUBNET,192.168.77.128/25 && sleep 0.3 && says "overlaps" route approve c 192.168.77.128/25'
adit c set advertise-routes $SUBNET
sleep 0.5
check "b carries on" via b
pause_start
sleep 1
node_kill b
sleep 3
check_le failover_after_sigkill_ms "$(pause_end)" ms 2000
check "by c" via c
check "the table of b is gone after SIGKILL" wait_for 3 says "No such file" ns b nft list table inet adit_adit_b
node_start b
wait_for 5 via_any
sleep 1
check "c keeps it: no change back without need" via c
pause_start
sleep 1
ip -n ${LAB_PREFIX}inet link set toc down
sleep 4
check_le failover_after_cut_ms "$(pause_end)" ms 2000
check "by b" via b
ip -n ${LAB_PREFIX}inet link set toc up
ip -n ${LAB_PREFIX}c route replace default via 11.3.0.1

say "# the same with a carrier behind a relay"
c_back() { adit a status --json | jq -e '.peers[] | select(.name == "c").online'; }
check "c is back" wait_for 15 c_back
block_direct
check "b is relayed" wait_for 10 path_is a relay
pause_start
sleep 1
ip -n ${LAB_PREFIX}inet link set r2 down
sleep 4
check_le failover_of_relayed_after_cut_ms "$(pause_end)" ms 2000
check "by c again" via c
ip -n ${LAB_PREFIX}inet link set r2 up
ip -n ${LAB_PREFIX}inet route replace 11.2.1.0/24 via 11.2.0.2
unblock_direct
b_back() { adit a status --json | jq -e '.peers[] | select(.name == "b").online'; }
check "b is back" wait_for 15 b_back

say "# the overlay's own range is in use on a host"
ip -n ${LAB_PREFIX}a link add lan0 type veth peer name lan1
ip -n ${LAB_PREFIX}a addr add 100.90.200.1/24 dev lan0
ip -n ${LAB_PREFIX}a link set lan0 up
check "it is told" wait_for 2 says "100.90.0.0/16 overlaps 100.90.200.0/24" adit a status --json
ip -n ${LAB_PREFIX}a link del lan0

say "# servers gone: what works goes on"
coord_kill
sleep 0.5
check "a still reaches it" reaches
coord_start
check "approvals survive" says approved route list
check "and the node's map" wait_for 5 via c

say "# withdrawn, revoked"
check "revoke c" route revoke c $SUBNET
check "revoke b" route revoke b $SUBNET
check "unused in a second" wait_for 1 fails reaches
check "the router's table is gone" wait_for 1 says "No such file" ns b nft list table inet adit_adit_b
finish
