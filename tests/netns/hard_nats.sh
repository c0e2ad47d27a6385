#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# hard_nats.sh - kernel NATs that choose a port by destination: what netcheck says, and direct
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

allocator() { adit a netcheck --json 2>/dev/null | jq -r ".ipv4.$1"; }
allocator_is() { [ "$(allocator allocator)" = "$1" ]; }

# one KIND ALLOCATOR SECONDS [SUFFIX] - node a behind that NAT, b behind its own, as it is;
# both new to each other, with all the searches that an hour allows
one() {
	local start
	stop a traffic
	node_kill a TERM
	nat_set a "$1"
	node_kill b TERM
	node_start b
	node_start a
	check "$1: the ports are $2" wait_for 10 allocator_is "$2"
	start=$(now_ms)
	if ! check "$1: direct" go_direct "$3"; then
		adit a why b
	fi
	figure "direct_${1#symmetric-}${4:-}" $(($(now_ms) - start)) ms
	check "$1: both are direct" paths_are direct
}

lab_need
adit_up symmetric-block home
one symmetric-block block 15
one symmetric-block block 15 _again # where a search found it, the next one begins at once
one symmetric-pf high-random 25
one symmetric-random random 60 # 95 % in the first search, another follows
# b's is as hard, which nothing would get through but that b's own port is forwarded
nat_set b symmetric-forwarded
one symmetric-random random 10 _forwarded
# both are hard, but for source port 500
nat_set b symmetric-pfsense
one symmetric-pfsense preserving 15
paths_are direct || lab_logs
finish
