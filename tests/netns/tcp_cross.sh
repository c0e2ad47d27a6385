#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tcp_cross.sh - no UDP on either side, nobody can listen: TCP simultaneous open
#
# Both NATs keep ports and drop what comes uncalled: the two connect at once, and need no
# relay any more. UDP comes back: it is taken up by itself; it goes again: so is a stream,
# which stays when the servers die. Then b's NAT takes a random port for each
# destination: they stay on the relay, and adit why says what was tried.
. "$(dirname "$0")/lib.sh"

lab_need
tried() { adit a why b --json | jq -r '.tried[] | select(.what | startswith("TCP")) | .outcome'; }
tried_is() { [[ $(tried) == $1 ]]; }
node_restart_b() {
	node_kill b TERM
	node_start b
}

adit_up udp-blocked udp-blocked
say "# from up to a direct stream"
times= after=
for i in $(seq "${RUNS:-3}"); do
	node_kill a TERM
	[ $((i % 8)) != 0 ] || node_restart_b # which allows 12 an hour
	start=$(now_ms)
	node_spawn a
	first=$(first_answer a 15)
	spawn a traffic ping -q -n -i 0.05 "$IP_B"
	wait_for 20 paths_are tcp || break
	tcp=$(now_ms)
	stop a traffic
	times="$times $((tcp - start))"
	after="$after $((tcp - ${first:-0}))"
done
check "a direct stream each time" paths_are tcp
figure tcp_cross_after_up_p50 "$(median $times)" ms
figure tcp_cross_after_first_packet_p50 "$(median $after)" ms
check_le tcp_cross_after_first_packet_worst "$(worst $after)" ms 10000
check "nobody listens" [ -z "$(ns a ss -Hltn 'sport = :24100')$(ns b ss -Hltn 'sport = :24100')" ]

say "# UDP comes back, and goes again"
spawn a traffic ping -q -n -i 0.05 "$IP_B"
start=$(now_ms)
nat_set a home
nat_set b home
check "UDP is taken up by itself" wait_for 30 paths_are direct
figure tcp_cross_udp_back $(($(now_ms) - start)) ms
start=$(now_ms)
nat_set a udp-blocked
nat_set b udp-blocked
check "and a stream when it is lost" wait_for 30 paths_are tcp
figure tcp_cross_udp_lost $(($(now_ms) - start)) ms
stop a traffic

say "# the servers die"
spawn a traffic ping -q -n -i 0.05 "$IP_B"
coord_kill
sleep 3
check "the stream stays" paths_are tcp
check "and carries" wait_for 5 pings a
stop a traffic

say "# a NAT that gives each destination another port"
coord_start
node_kill a TERM
ns r2 nft delete table ip nat
ns r2 nft -f - <<N
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" masquerade fully-random
	}
}
N
node_kill b TERM
nat_flush b
node_start b
node_start a
spawn a traffic ping -q -n -i 0.05 "$IP_B"
check "they stay on the relay" wait_for 15 paths_are relay
check "why says what was tried" wait_for 20 tried_is "no answer"
check "and the relay carries all the while" wait_for 5 pings a
stop a traffic
finish
