#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# relay_choice.sh - which of three relays carries a pair: the one with the shortest way
#
# Delays are natlab's. The server's own relay is 80 ms away from both nodes, and there are two
# more, near and far, to whose addresses several wires lead, one at a time.
# The nodes have no direct path. The relay with the least way there and on is used, a
# difference that is not worth it changes nothing, and one that is worth it costs no packet.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/emulate.sh"

RELAY=${ADIT_BIN:-$ROOT/build}/relay/adit-relay
[ -x "$RELAY" ] || RELAY=${ADIT_BIN:-$ROOT/build}/adit-relay
declare -A AT=([near]=11.5.0.2 [far]=11.6.0.2)

# relay_site NAME MS... - wires of so many ms each way, on top of the nodes' own 20
relay_site() {
	local name=$1 ms
	ip netns add "$LAB_PREFIX$1" && ip -n "$LAB_PREFIX$1" link set lo up || return 1
	mkdir -p "$LAB/$1"
	ip -n "$LAB_PREFIX$1" addr add "${AT[$1]}/32" dev lo
	shift
	for ms; do DELAY=$ms natlab_start "$name$ms" "$name:wire$ms" "inet:$name$ms"; done
	lies "$name" "$1"
}
# lies NAME MS - from now on by that wire
lies() {
	ip -n "$LAB_PREFIX$1" route replace default dev "wire$2" src "${AT[$1]}" &&
		ip -n ${LAB_PREFIX}inet route replace "${AT[$1]}/32" dev "$1$2"
}
relay_start() {
	local key
	spawn "$1" relay "$RELAY" --state "$LAB/$1/state" --coord-key "$COORD_KEY" --listen "${AT[$1]}:443"
	wait_for 5 grep -q 'public key' "$LAB/$1/relay.log" || die "the relay $1 does not start"
	key=$(sed -n 's/^public key \([^ ]*\).*/\1/p' "$LAB/$1/relay.log")
	check "the administrator adds the relay $1" coord_ctl relay add "$1" "${AT[$1]}" "$key"
}
registered() {
	adit "$1" status --json | jq -e '[.relays[] | select(.udp and .rtt_ms > 0)] | length == 3' >/dev/null
}
used() { peer_field "$1" .path.relay; }
both_use() { [ "$(used a)" = "$1" ] && [ "$(used b)" = "$1" ]; }
rtt() { ns a ping -q -n -c 5 -i 0.2 "$IP_B" | awk -F/ '/^rtt/ { print $5 }'; }
lost() { awk '/^gap: from/ && $3 > 0 { n += $5 } END { print n + 0 }' "$LAB/a/probe.log"; }

lab_need ethtool
[ -x "$RELAY" ] || die "$RELAY is not built"
DELAY=20
emulate_mesh port-restricted port-restricted
relay_site near 5 60 && relay_site far 25 4 60 1 || die "the relays' wires do not come up"
COORD_KEY=$(coord_ctl relay list --json | jq -r .coord_key)
relay_start near
relay_start far
ns inet nft -f - <<N || die "nft refuses the block"
table inet direct {
	chain f {
		type filter hook forward priority filter
		iifname "w1" oifname "w2" drop
		iifname "w2" oifname "w1" drop
	}
}
N
meet
check "the nodes are registered at all three" wait_for 15 eval 'registered a && registered b'

: >"$LAB/a/probe.log"
spawn a probe "$LAB/gapprobe" -r 50 -t 90 "$IP_B" 7777
check "traffic flows" wait_for 10 pings a
start=$(now_ms)
check "the near one is used: 100 ms to b and back, against 160 and 180" wait_for 10 both_use near
figure settled $(($(now_ms) - start)) ms
check_le rtt_near "$(rtt)" ms 130

say "# far comes a little nearer than near: 96 ms"
lies far 4
sleep 8
check "it is not worth it" both_use near
lies far 60
sleep 5 # by then that is known

say "# near goes far away: 320 ms"
start=$(now_ms)
lies near 60
check "the next best takes over" wait_for 10 both_use coord
figure moved_away $(($(now_ms) - start)) ms

say "# far comes near: 84 ms"
start=$(now_ms)
lies far 1
check "the better one takes over" wait_for 30 both_use far
figure moved_near $(($(now_ms) - start)) ms
check_le rtt_far "$(rtt)" ms 120
kill -INT "$(pid_of a probe)"
wait_for 5 gone a probe
check_le lost "$(lost)" packets 5
finish
