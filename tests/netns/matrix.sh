#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# matrix.sh - a few cells of scripts/matrix: emulated NATs, relay 80 ms, direct 40 ms. RUNS=N
# runs of a cell (3). Random ports are a matter of luck, so that cell is printed, not judged
. "$(dirname "$0")/lib.sh"

lab_need ethtool miniupnpd
dir=$(mktemp -d "${TMPDIR:-/tmp}/adit-matrix.XXXXXX")
on_exit rm -rf "$dir"
cells() { "$ROOT/scripts/matrix" --runs "${RUNS:-3}" --jobs 3 --results "$dir" --no-write "$@"; }

timed() {
	cells --check open/random port-restricted/port-restricted poisonable/poisonable \
		poisonable/port-restricted port-restricted/sequential mapped/random
}
timed || { say "once more: something else may have had the CPU" && rm -f "$dir"/* && timed; }
status=$?
cells port-restricted/random cgn-port-restricted/port-restricted
cat "$dir"/*.log 2>/dev/null | tail -n "$([ $status = 0 ] && echo 0 || echo 60)"
exit $status
