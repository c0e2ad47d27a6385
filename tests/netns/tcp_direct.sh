#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# tcp_direct.sh - no UDP on one side: a stream to the peer that can be reached by TCP
#
# a's NAT lets no UDP out, b has a public address. The first packet goes by the relay;
# the direct stream follows. A stranger at b's port learns nothing. UDP comes back: it is
# taken up by itself; it goes again: so is the stream. The servers die: the stream
# carries on; SLOW=1: and UDP is found without them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

lab_need openssl iperf3
B_TCP=11.2.1.2:24100
transport() { peer_field a .path.transport; }
drops_of() { adit "$1" status --json | jq ".drops.$2 // 0"; }

adit_up udp-blocked open
say "# from up to a direct stream"
times= after=
for i in $(seq "${RUNS:-3}"); do
	node_kill a TERM
	start=$(now_ms)
	node_spawn a
	first=$(first_answer a 15)
	spawn a traffic ping -q -n -i 0.05 "$IP_B"
	wait_for 15 paths_are tcp || break
	tcp=$(now_ms)
	stop a traffic
	times="$times $((tcp - start))"
	after="$after $((tcp - ${first:-0}))"
done
check "a direct stream each time" paths_are tcp
figure tcp_direct_after_up_p50 "$(median $times)" ms
check_le tcp_direct_after_first_packet_p50 "$(median $after)" ms 1000
check "status names the other end" [ "$(peer_field a .path.remote)" = $B_TCP ]
check "why says that there is nothing to do" \
	sh -c "ip netns exec ${LAB_PREFIX}a '$ADIT' --socket '$LAB/a/adit.sock' why b | grep -q 'direct over TCP'"

say "# what it carries"
iperf_serve b "$IP_B" 5201
ns a iperf3 -J -t 3 -c "$IP_B" >"$LAB/a/iperf.json"
figure tcp_direct_throughput "$(jq '.end.sum_received.bits_per_second / 1e6 | floor' "$LAB/a/iperf.json")" Mbit/s
check "data went through" num "$(jq '.end.sum_received.bytes' "$LAB/a/iperf.json") > 1000000"
check "and by the stream all the time" paths_are tcp

say "# a stranger"
stranger() { ns srv timeout 8 openssl s_client -quiet -connect $B_TCP 2>/dev/null; }
check "is told that there is no such page" \
	grep -q '404' <(printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' | stranger)
{
	printf 'GET /adit/direct HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'
	sleep 0.5
	printf '\x82\xb0\0\0\0\0'
	head -c 48 /dev/zero
	sleep 1
} | stranger >/dev/null
unproved() { num "$(drops_of b stream_unproved) > 0"; }
check "and one that says nothing of a peer's is counted" wait_for 5 unproved
check "which the peer does not notice" paths_are tcp

say "# UDP comes back, and goes again"
spawn a traffic ping -q -n -i 0.05 "$IP_B"
nat_set a home
start=$(now_ms)
check "UDP is taken up by itself" wait_for 30 paths_are direct
figure tcp_direct_udp_back $(($(now_ms) - start)) ms
nat_set a udp-blocked
start=$(now_ms)
check "and the stream when it is lost" wait_for 30 paths_are tcp
figure tcp_direct_udp_lost $(($(now_ms) - start)) ms

say "# the servers die"
coord_kill
sleep 4
check "the stream stays" paths_are tcp
check "and carries" wait_for 5 pings a
if [ -n "${SLOW:-}" ]; then
	nat_set a home
	check "UDP is found without any server" wait_for 90 paths_are direct
fi
stop a traffic
finish
