#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# handshake_flood.sh - a stranger floods a node with handshakes that cost it work: a member
# that is reached by relay alone still gets its own handshake through, after a restart
. "$(dirname "$0")/lib.sh"

RATE=${RATE:-40000} # a second
lab_need
dropped() { adit b status --json | jq ".drops[\"$1\"] // 0"; }
flooded() { [ "$(dropped under_load)" -gt 0 ]; }

adit_up home open
block_direct
check "traffic flows, by relay" wait_for 10 pings a
port=$(adit b status --json | jq .self.port)
key=$(adit b status --json | jq -r .self.key)
spawn srv flood /usr/bin/python3 "$ROOT/tests/tools/handshake_flood.py" "${OPEN_NET[b]}.2" "$port" "$key" "$RATE"
check "b is under load, and demands cookies" wait_for 10 flooded
before=$(dropped under_load)
for i in 1 2 3; do
	node_kill a
	start=$(now_ms)
	node_start a
	at=$(first_answer a 20)
	gaps+=("$((${at:-$((start + 20000))} - start))")
done
check_le restart_while_flooded "$(median "${gaps[@]}")" ms 2000
check "b was under load all the while" test "$(dropped under_load)" -gt "$before"
check "the flood went on" alive srv flood
stop srv flood
figure handshakes_refused "$(dropped under_load)" packets
finish
