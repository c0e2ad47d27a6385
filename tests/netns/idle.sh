#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# idle.sh - two nodes of a network that are left alone: wake-ups, CPU time, memory
#
# A node has spoken a moment ago, so its path and its relays are still looked after: the
# dearer kind of rest. SECONDS_IDLE=20 of it are measured.
#
# A node may use 0.02 s of CPU a minute. What waking up and a system call cost differs
# several times between machines, so it is measured beside, with ping(8): where even 180 of
# its echoes a minute cost more than that, a node may use as much as they do.
. "$(dirname "$0")/lib.sh"

REST=${SECONDS_IDLE:-20}

wakeups() { awk '/^voluntary/ { n += $2 } END { print n }' "/proc/$1/task/"*/status; }
cpu_ms() { awk '{ t += $1 } END { print t / 1e6 }' "/proc/$1/task/"*/schedstat; }
memory_kib() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
# per_minute AFTER BEFORE FACTOR
per_minute() { awk "BEGIN { printf \"%.3f\", ($1 - $2) * 60 / $REST * $3 }"; }
# echo_cost - the CPU time of 180 echoes of ping(8), in s, is put into ECHOES
echo_cost() {
	local pid before
	spawn a echo ping -n -q -i 0.25 $SRV
	pid=$(pid_of a echo)
	sleep 1
	before=$(cpu_ms "$pid")
	sleep 10
	ECHOES=$(awk "BEGIN { printf \"%.3f\", ($(cpu_ms "$pid") - $before) * 4.5 / 1000 }")
	stop a echo TERM
}
# sanitized - with a sanitizer in it neither memory nor time tell anything
sanitized() { nm -D "$ADITD" 2>/dev/null | grep -qE '__(asan|tsan)_init'; }

lab_need
adit_up
check "direct" go_direct 15
# 2 s of watching, 10 s until what is not needed is given back
echo_cost
figure "cpu_s_of_180_echoes_a_minute" "$ECHOES" s
limit=$(awk "BEGIN { print ($ECHOES > 0.02 ? $ECHOES : 0.02) }")
sleep 3
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
	check_le "cpu_s_per_minute $h" "$c" s "$limit"
	check_le "memory $h" "$m" MiB 6
done
check "a still reaches b" pings a
check "and b reaches a" pings b
finish
