#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# direct_dies.sh - the direct path dies: the relay takes over in a second; direct again later
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

lab_need
adit_up
check "the path is direct" go_direct 15
probe_start a 60 100
sleep 2
block_direct
check "the nodes are on the relay" wait_for 10 paths_are relay
sleep 2
unblock_direct
start=$(now_ms)
check "direct again by itself" wait_for 50 paths_are direct
figure direct_again $(($(now_ms) - start)) ms
sleep 1
probe_wait a now
check_le fallback_pause "$(probe_field a longest_ms)" ms 1500
figure fallback_lost "$(probe_field a lost)" packets
finish
