#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# key_expiry.sh - memberships that end: renewed in contact, warned of when away, and brought
# back by an administrator without a hand at the machine
. "$(dirname "$0")/lib.sh"

DAY=86400
ends_in_days() { adit "$1" status --json | jq -r "((.membership.expires // 0) - now) / $DAY | ceil"; }
ends_in() { [ "$(ends_in_days "$1")" = "$2" ]; }
says() {
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	[[ $out == *"$text"* ]]
}
lonely() { [ -z "$(peer_field "$1" .name)" ]; }

lab_need jq
adit_up

say "# off, on, off"
check "off by default" eval '[ "$(adit a status --json | jq -r .membership.expires)" = null ]'
check "a period is set" coord_ctl set key-expiry 90d
check "a knows when" wait_for 5 ends_in a 90
check "another period" coord_ctl set key-expiry 26w
check "renewed to that" wait_for 5 ends_in a 182
check "nonsense is refused" says "key-expiry is off, or a time" coord_ctl set key-expiry 5x

say "# away, with 12 days left"
coord_kill
node_kill a
ends=$(($(date +%s) + 12 * DAY + 3600))
jq ".expires = $ends" "$LAB/a/state/netmap.json" >"$LAB/a/netmap.json"
cat "$LAB/a/netmap.json" >"$LAB/a/state/netmap.json"
node_start a
check "status warns" wait_for 5 says "membership: ends in 12 days" adit a status
coord_start
check "contact renews" wait_for 40 ends_in a 182
check "the warning goes" eval '! says "membership:" adit a status'

say "# expired, and revived from the server"
check "b expires" coord_ctl expire b
check "a forgets b" wait_for 5 lonely a
check "b's status says what to do" wait_for 5 says "adit-coord revive b" adit b status
check "a join says so, too" says "adit-coord revive b" adit b join "$(coord_ctl invite)"
check "in one line, with status 1" eval '[ "$(adit b join "$(coord_ctl invite)" 2>&1 >/dev/null | grep -c "")" = 1 ]; adit b join "$(coord_ctl invite)" 2>/dev/null; [ $? = 1 ]'
check "the server lists it" says expired coord_ctl nodes
check "a is not to be revived" says "has not expired" coord_ctl revive a
start=$(now_ms)
check "revived" coord_ctl revive b
check "a and b see each other" wait_for 5 both_know
figure revive "$(($(now_ms) - start))" ms
check "traffic passes" wait_for 10 pings a
check "b says no more of it" eval '! says "expired" adit b status'
finish
