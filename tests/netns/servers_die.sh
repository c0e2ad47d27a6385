#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# servers_die.sh - every server killed: what runs goes on; a restarted node comes up again
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

# same_lines COUNT FILE - exactly the lines of ssh_session
same_lines() { cmp -s <(seq "$1" | sed 's/^/line /') "$2"; }

lab_need ssh scp
adit_up
check "the path is direct" go_direct 15
ssh_serve b "$IP_B" || die "sshd does not start"
random_file "$LAB/a/file" 50000000
ssh_session a "$IP_B" 150 >"$LAB/a/session" 2>"$LAB/a/session.log" &
session=$!
ssh_copy a "$LAB/a/file" "$IP_B" "$LAB/b/file" 40000 2>"$LAB/a/copy.log" &
copy=$!
sleep 3
coord_kill
check "the server is dead" gone srv coord
check "copy is still under way" kill -0 $copy
wait $session
check "ssh session ended well" test $? = 0
wait $copy
check "file transfer ended well" test $? = 0
check "every line of the session arrived" same_lines 150 "$LAB/a/session"
check "the file is the same" cmp "$LAB/a/file" "$LAB/b/file"
lost=$((1 - $(same_lines 150 "$LAB/a/session" && echo 1 || echo 0)))
check_le tcp_connections_lost "$lost" "of 2" 0

# longer than any session key lives would be 180 s; here: both nodes start anew
node_kill a
node_kill b
start=$(now_ms)
node_start a
node_start b
at=$(first_answer a 30)
check "tunnels come up from the stored netmap, servers dead" test -n "$at"
[ -z "$at" ] || check_le restart_without_servers $((at - start)) ms 10000
check "a new ssh session works" test "$(ssh_run a "$IP_B" echo here)" = here
finish
