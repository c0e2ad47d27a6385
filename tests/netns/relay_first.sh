#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# relay_first.sh - a cold start: the first packet by relay at once, then the direct path
#
# RUNS=3 for each pair of NAT kinds; PAIRS="home/home ..." other pairs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

RUNS=${RUNS:-3}
PAIRS=${PAIRS:-home/home accept/accept fullcone/home open/home}

# cold_start - both down, NATs empty, both up. Sets FIRST and DIRECT, ms, or "never".
cold_start() {
	local start at
	FIRST=never DIRECT=never KIND=none
	adit a down && adit b down || return
	nat_flush a
	nat_flush b
	start=$(now_ms)
	adit b up && adit a up || return
	at=$(first_answer a 10)
	[ -n "$at" ] || return
	FIRST=$((at - start))
	KIND=$(path_kind a)
	spawn a traffic ping -q -n -i 0.05 "$(overlay_of b)"
	wait_for 10 paths_are direct && DIRECT=$(($(now_ms) - at))
	stop a traffic
}

pair_runs() {
	local i firsts=() directs=() answered=0 direct=0 relayed=0
	for ((i = 0; i < RUNS; i++)); do
		cold_start
		say "$1 run $((i + 1)): first answer $FIRST ms by $KIND, direct $DIRECT ms later"
		[ "$FIRST" = never ] || { firsts+=("$FIRST") answered=$((answered + 1)); }
		[ "$DIRECT" = never ] || { directs+=("$DIRECT") direct=$((direct + 1)); }
		[ "$KIND" = relay ] && relayed=$((relayed + 1))
	done
	figure "first_by_relay $1" "$relayed" "of $RUNS"
	check_ge "answered $1" "$answered" "of $RUNS" "$RUNS"
	check_le "first_answer_median $1" "$(median "${firsts[@]:-none}")" ms 2000
	check_ge "direct $1" "$direct" "of $RUNS" "$RUNS"
	check_le "direct_after_median $1" "$(median "${directs[@]:-none}")" ms 1000
	figure "direct_after_worst $1" "$(worst "${directs[@]:-none}")" ms
}

lab_need
adit_up
for pair in $PAIRS; do
	nat_set a "${pair%/*}"
	nat_set b "${pair#*/}"
	pair_runs "$pair"
done
finish
