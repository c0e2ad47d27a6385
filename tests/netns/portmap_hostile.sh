#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# portmap_hostile.sh - adit-portmap, which speaks UPnP for aditd, at gateways of bad character
#
# Whatever they do, it ends within its 10 seconds with one line, it does not crash, and it
# never speaks to a machine that is not the gateway.
. "$(dirname "$0")/lib.sh"

lab_need python3
programs
PORTMAP=${ADITD%/*}/adit-portmap
[ -x "$PORTMAP" ] || skip "adit-portmap is not built: libminiupnpc-dev was missing"
lab_up
# The other machine: nobody listens, so a SYN would be seen by this counter.
ns srv nft -f - <<N
table inet seen {
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 8000 counter
	}
}
N

listening() { [ -n "$(ns r1 ss -Hltn 'sport = :5000')" ]; }
other_was_left_alone() { ns srv nft list table inet seen | grep -q "packets 0 "; }
# ask MODE ORDER - what the helper says, in OUT; its exit status, in STATUS; ms, in TOOK
ask() {
	local start
	spawn r1 igd python3 "$ROOT/tests/tools/igd.py" 10.0.0.1 "$1"
	wait_for 5 listening || { lab_logs; die "igd.py does not start"; }
	start=$(now_ms)
	OUT=$(ns a timeout 20 "$PORTMAP" "$2" 10.0.0.1 10.0.0.2 24100 24100 7200 2>&1)
	STATUS=$?
	TOOK=$(($(now_ms) - start))
	say "$1: $2: ${OUT:-nothing} (status $STATUS, $TOOK ms)"
	stop r1 igd
}
survived() { [ "$STATUS" -le 1 ] || [ "$STATUS" = $((128 + 14)) ] || [ "$STATUS" = $((128 + 24)) ] || [ "$STATUS" = $((128 + 9)) ]; }

ask honest map
check "an honest one maps" [ "$OUT" = "mapped 11.1.0.2 24100 7200" ]
ask permanent map
check "mappings for good only (725)" [ "$OUT" = "mapped 11.1.0.2 24100 0" ]
ask taken map
check "another machine's port is not taken" grep -qE '^mapped 11.1.0.2 [2-5][0-9]{4} 7200$' <<<"$OUT"
check "but another one" [ "$OUT" != "mapped 11.1.0.2 24100 7200" ]
for mode in elsewhere redirect endless deep garbage; do
	ask $mode map
	check "$mode: no mapping" [ "${OUT#mapped}" = "$OUT" ]
	check "$mode: ended as it should" survived
	check "$mode: in time" num "$TOOK <= 11500"
done
check "no packet to another machine" other_was_left_alone
finish
