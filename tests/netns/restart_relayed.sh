#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# restart_relayed.sh - both nodes start anew while the coordination server is dead, and
# they have no direct path: a relay that lives takes them in by the admission of before
. "$(dirname "$0")/lib.sh"

lab_need
RELAY=${ADIT_BIN:-$ROOT/build}/relay/adit-relay
[ -x "$RELAY" ] || RELAY=${ADIT_BIN:-$ROOT/build}/adit-relay
used() { peer_field a .path.relay; }
at_relay() { adit "$1" status --json | jq -e '[.relays[] | select(.name == "far" and .udp)] | length == 1' >/dev/null; }
kept() { [ "$(stat -c '%a %s' "$LAB/$1/state/relay.token")" = "600 120" ]; }
known() { grep -q far "$LAB/$1/state/netmap.json"; }

adit_up home home
block_direct
COORD_KEY=$(coord_ctl relay list --json | jq -r .coord_key)
spawn srv far "$RELAY" --state "$LAB/srv/far" --coord-key "$COORD_KEY" --listen $SRV2:443
wait_for 5 grep -q 'public key' "$LAB/srv/far.log"
KEY=$(sed -n 's/^public key \([^ ]*\).*/\1/p' "$LAB/srv/far.log")
check "a further relay" coord_ctl relay add far $SRV2 "$KEY"
check "a is registered there" wait_for 10 at_relay a
check "b is registered there" wait_for 10 at_relay b
check "the admission is kept, for the owner's eyes alone" wait_for 3 kept a
check "and the relay is in the map on the disk" wait_for 5 known a
wait_for 5 known b

coord_kill
node_kill a
node_kill b
start=$(now_ms)
node_start a
node_start b
at=$(first_answer a 20)
check "traffic flows by the relay that lives" test -n "$at"
[ -z "$at" ] || check_le restart_without_server $((at - start)) ms 5000
check "through that relay" test "$(used)" = far
adit a leave >/dev/null 2>&1
check "who leaves keeps no admission" test ! -e "$LAB/a/state/relay.token"
finish
