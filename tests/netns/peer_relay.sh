#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# peer_relay.sh - an open node carries what two hard NATs cannot exchange
#
# a and b are behind NATs that give each destination another random port; c has a public
# address. Nobody configures anything: c finds that it can be reached and offers itself,
# and the traffic of a and b moves from the server's relay to c. It goes on when the
# server dies, stays when the server comes back, falls back to the server's relay when c
# dies, and obeys the user of c and the administrator. RUNS= deaths of c.
. "$(dirname "$0")/lib.sh"

lab_need python3
RUNS=${RUNS:-3}

# c_up - a third host, with a public address
c_up() {
	ip netns add "${LAB_PREFIX}c" && ip -n "${LAB_PREFIX}c" link set lo up &&
		link inet c 11.3.0.1/24 c eth0 11.3.0.2/24 || die "no third host"
	gateway c 11.3.0.1
	mkdir -p "$LAB/c"
}
carries() { adit c status --json | jq -r ".carries.$1"; }
carries_is() { [ "$(carries state)" = "$1" ]; }
both_by() { [ "$(peer_field a '"\(.path.kind) \(.path.relay)"')" = "$1" ] && [ "$(peer_field b '"\(.path.kind) \(.path.relay)"')" = "$1" ]; }
a_at_c() { adit a status --json | jq -e '[.relays[] | select(.peer and .udp)] | length == 1' >/dev/null; }
lines() { wc -l <"$LAB/b/tcp.log"; }
grows() { local n; n=$(lines); sleep 0.4; [ "$(lines)" -gt "$n" ]; }

adit_up symmetric-random symmetric-random
spawn a traffic ping -q -n -i 0.02 "$IP_B"
check "a and b talk through the server's relay" wait_for 10 both_by "relay coord"

say "# an open node appears"
c_up
node_start c
node_join c
start=$(now_ms)
check "c offers to relay, unasked" wait_for 30 carries_is on
check "and the traffic moves to it" wait_for 15 both_by "peer-relay c"
figure moved_after $(($(now_ms) - start)) ms
check "adit status of c says how much it carried" num "$(carries octets) > 0"

spawn b tcp python3 -uc 'import socket
s = socket.create_server(("0.0.0.0", 7000))
c, _ = s.accept()
while c.recv(4096): print("line")'
sleep 0.5
spawn a tcp python3 -uc "import socket, time
c = socket.create_connection(('$IP_B', 7000))
while True: c.sendall(b'x' * 100); time.sleep(0.1)"
check "a TCP connection goes through it" wait_for 5 grows

say "# the server dies and comes back"
probe_start a 4 100
sleep 0.5
coord_kill
probe_wait a
check_le gap_server_dies "$(probe_field a longest_ms)" ms 100
check "still by c" both_by "peer-relay c"
probe_start a 4 100
coord_start
probe_wait a
check_le gap_server_returns "$(probe_field a longest_ms)" ms 100
check "and by c when it is back" both_by "peer-relay c"

say "# the peer relay dies"
gaps=
for ((i = 0; i < RUNS; i++)); do
	wait_for 30 both_by "peer-relay c" || break
	probe_start a 10 100
	sleep 0.5
	node_kill c
	check "the server's relay takes over" wait_for 5 both_by "relay coord"
	wait_for 3 pings a
	probe_wait a now
	gaps="$gaps $(probe_field a longest_ms)"
	node_start c
done
say "# gaps:$gaps"
check_le gap_peer_relay_dies_p50 "$(median $gaps)" ms 1000
check_le gap_peer_relay_dies_worst "$(worst $gaps)" ms 2000
check "the TCP connection lives" wait_for 5 grows

say "# who may"
check "c carries again" wait_for 30 both_by "peer-relay c"
check "its user says no" adit c set relay off
check "the traffic goes back" wait_for 10 both_by "relay coord"
check "c says why" test "$(carries why)" = "adit set relay is off"
check "its user says yes" adit c set relay on
check "the traffic comes again" wait_for 30 both_by "peer-relay c"
check "the administrator says: tagged nodes alone" coord_ctl set peer-relays tag:relay
check "the traffic goes back" wait_for 10 both_by "relay coord"
check "the TCP connection lives" wait_for 5 grows
finish
