#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# switch_loss.sh - no packet is lost when a flow moves from the relay to the direct path
#
# The direct path is cut until the flow runs by relay; 1,000 packets a second each way.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

lab_need
adit_up
block_direct
check "with the direct path cut, the nodes talk by relay" wait_for 20 paths_are relay
check "packets pass by relay" wait_for 5 pings a
probe_start a 60
probe_start b 60
sleep 2
check "still by relay" paths_are relay
unblock_direct
start=$(now_ms)
adit a ping b --until-direct >"$LAB/a/until.log" 2>&1 &
check "the path becomes direct" wait_for 45 paths_are direct
figure switch_to_direct "$(($(now_ms) - start))" ms
sleep 2
probe_wait a now
probe_wait b now
for n in a b; do
	check_ge "sent_from_$n" "$(probe_field $n sent)" packets 3000
	check_le "lost_from_$n" "$(probe_field $n lost)" packets 0
	figure "reordered_from_$n" "$(probe_field $n reordered)" packets
	figure "longest_pause_from_$n" "$(probe_field $n longest_ms)" ms
done
finish
