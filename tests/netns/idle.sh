#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# idle.sh - two nodes of a network that are left alone: wake-ups, CPU time, memory
#
# A node has spoken a moment ago, so its path and its relays are still looked after: the
# dearer kind of rest. SECONDS_IDLE=20 of it are measured.
. "$(dirname "$0")/lib.sh"

REST=${SECONDS_IDLE:-20}

wakeups() { awk '/^voluntary/ { n += $2 } END { print n }' "/proc/$1/task/"*/status; }
cpu_ms() { awk '{ t += $1 } END { print t / 1e6 }' "/proc/$1/task/"*/schedstat; }
memory_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
# per_minute AFTER BEFORE FACTOR
per_minute() { awk "BEGIN { printf \"%.3f\", ($1 - $2) * 60 / $REST * $3 }"; }
# sanitized - with a sanitizer in it neither memory nor time tell anything
sanitized() { nm -D "$ADITD" 2>/dev/null | grep -qE '__(asan|tsan)_init'; }

lab_need
adit_up
check "direct" go_direct 15
# 2 s of watching, 10 s until what is not needed is given back
sleep 14
declare -A woken used
for h in a b; do
	pid=$(pid_of $h aditd)
	woken[$h]=$(wakeups "$pid") used[$h]=$(cpu_ms "$pid")
done
sleep "$REST"
for h in a b; do
	pid=$(pid_of $h aditd)
	w=$(per_minute "$(wakeups "$pid")" "${woken[$h]}" 1)
	c=$(per_minute "$(cpu_ms "$pid")" "${used[$h]}" 0.001)
	m=$(awk "BEGIN { printf \"%.1f\", $(memory_kib "$pid") / 1024 }")
	check_le "wakeups_per_minute $h" "$w" "" 300
	if sanitized; then
		figure "cpu_s_per_minute $h" "$c" s
		figure "memory $h" "$m" MiB
		continue
	fi
	check_le "cpu_s_per_minute $h" "$c" s 0.02
	check_le "memory $h" "$m" MiB 6
done
check "a still reaches b" pings a
check "and b reaches a" pings b
finish
