#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# node_restart.sh - SIGKILL of a node: traffic resumes in under a second, from either side
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

RUNS=${RUNS:-3}

# restart NODE PROBER - kills NODE under a probe from PROBER; prints the longest pause
restart() {
	go_direct 15 || { echo never; return; }
	probe_start "$2" 5 100
	sleep 1.5
	node_kill "$1"
	node_spawn "$1"
	probe_wait "$2" >&2
	probe_field "$2" longest_ms
}

lab_need
adit_up
for from in a b; do
	pauses=()
	for ((i = 0; i < RUNS; i++)); do
		pause=$(restart a $from)
		pauses+=("$pause")
	done
	check_le "restart_pause_median_seen_from_$from" "$(median "${pauses[@]}")" ms 1000
	figure "restart_pause_worst_seen_from_$from" "$(worst "${pauses[@]}")" ms
	last=$(probe_field $from received)
	check "packets arrived after the restart" num "${last:-0} > 2000"
done
check "a is itself again" wait_for 10 both_know
finish
