#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# fleet.sh - a thousand nodes come back to a server that was killed; a policy of 10,000 rules
#
# tests/bench/fleet.c over loopback: no whole map, everybody up to date in under 5 s, and
# the policy at 100 nodes in under 1 s. NODES= another number.
. "$(dirname "$0")/lib.sh"

bench=${ADIT_BIN:-$ROOT/build}/tests/bench/fleet
programs
[ -x "$bench" ] || skip "tests/bench/fleet is not built in ${ADIT_BIN:-$ROOT/build}"
out=$(mktemp) || die "no temporary file"
on_exit rm -f "$out"
"$bench" "$ADIT_COORD" "${NODES:-1000}" >"$out" 2>&1
status=$?
cat "$out"
# of NAME LIMIT - a figure of the bench
of() {
	local value
	value=$(sed -nE "s/^$1 +([0-9]+) (ms|MB|MiB)?.*/\1/p" "$out" | head -n 1)
	check_le "$(tr -cs 'a-z0-9\n' _ <<<"$1")" "${value:-none}" "" "$2"
}
of "policy, 10000 rules, 100 nodes" 1000
of "storm: all logged in" 5000
of "storm: all see all" 5000
of "storm: whole maps sent" 0
of "storm: octets" 100
of "storm: server's memory, peak" 256
check "the bench says so, too" [ $status = 0 ]
finish
