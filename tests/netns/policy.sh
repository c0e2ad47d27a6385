#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# policy.sh - access rules at the receiving node, approval, removal, copied state folders
. "$(dirname "$0")/lib.sh"
lab_need python3

# A listener that greets: an answer has to come back through the rules.
greeter() {
	spawn "$1" "tcp$2" python3 -c '
import socket, sys
s = socket.create_server(("", int(sys.argv[1])), backlog=64)
while True:
    c, _ = s.accept()
    c.sendall(b"hello\n")
    c.close()' "$2"
	wait_for 5 listens "$1" "$2"
}
listens() { [ -n "$(ns "$1" ss -Hltn "sport = :$2")" ]; }
# reaches HOST ADDRESS PORT - connects and hears the greeting
reaches() {
	[ "$(ns "$1" timeout "${LIMIT_S:-2}" bash -c "head -n 1 <>/dev/tcp/$2/$3" 2>/dev/null)" = hello ]
}
not() { ! "$@"; }
drops() { adit "$1" status --json | jq -r ".drops.$2 // 0"; }
policy() { printf '%s\n' "$@" >"$LAB/policy"; coord_ctl policy set "$LAB/policy"; }
# refused PATTERN COMMAND... - fails, and says it
refused() {
	local pattern=$1 err
	shift
	err=$("$@" 2>&1 >/dev/null) && return 1
	say "      $err"
	[[ $err =~ $pattern ]]
}
state_is() { [ "$(adit "$1" status --json | jq -r .state)" = "$2" ]; }
says() { adit "$1" status --json | jq -r '.coord.says // empty' | grep -q "$2"; }
sees_nobody() { [ "$(adit "$1" status --json | jq '.peers | length')" = 0 ]; }
join_tagged() {
	adit "$1" join "$(coord_ctl invite --tag "$2")" --hostname "$1" --wait || die "$1 cannot join"
}
# effect TEXT LIMIT_S COMMAND... - how long until it is so, from `begun` on
effect() {
	local text=$1 limit=$2
	shift 2
	wait_for 5 "$@"
	check_le "$text" "$(seconds $(($(now_ms) - begun)))" s "$limit"
}

programs
lab_up
coord_start
node_start a && node_start b
join_tagged a client && join_tagged b server
IP_A=$(overlay a) IP_B=$(overlay b)
V6_B=$(adit b status --json | jq -r '[.self.addresses[] | select(contains(":"))][0]')
check "a and b know each other" wait_for 5 both_know
greeter b 8001 && greeter b 8002 && greeter a 8003

say "without a policy"
check "a reaches b on 8001" reaches a "$IP_B" 8001
check "a reaches b on 8002" reaches a "$IP_B" 8002
check "b reaches a on 8003" reaches b "$IP_A" 8003

say "a policy"
policy 'allow tag:client to tag:server on tcp:8001' || die "the policy is refused"
check "an allowed port passes, and its answer" reaches a "$IP_B" 8001
LIMIT_S=1
check "a denied port is denied" not reaches a "$IP_B" 8002
check "the other direction is denied" not reaches b "$IP_A" 8003
check "a ping is denied" not pings a
check "b counts what it denied" num "$(drops b acl_denied) > 0"
LIMIT_S=2

say "changes"
begun=$(now_ms)
policy 'allow tag:client to tag:server on tcp:8001,8002 icmp' || die "the policy is refused"
LIMIT_S=0.3 effect "an allowed port opens after" 1 reaches a "$IP_B" 8002
check "a ping passes by icmp" pings a
check "the same over IPv6" ns a ping -q -c 1 -W 2 "$V6_B"
check "large pings, in fragments" ns a ping -q -c 1 -W 2 -s 4000 "$IP_B"
check "b cannot ping a, though a can ping b" not pings b
begun=$(now_ms)
policy 'allow tag:client to tag:server on tcp:8001' || die "the policy is refused"
closed() { ! LIMIT_S=0.3 reaches a "$IP_B" 8002; }
effect "a port closes after" 1 closed
coord_ctl policy rollback
check "rollback opens it again" wait_for 2 reaches a "$IP_B" 8002

say "another's address"
before=$(drops b inner_source)
ip -n "${LAB_PREFIX}a" addr add 100.127.9.9/32 dev "$(tun_of a)"
ns a ping -q -c 2 -i 0.2 -W 1 -I 100.127.9.9 "$IP_B" >/dev/null 2>&1
ip -n "${LAB_PREFIX}a" addr del 100.127.9.9/32 dev "$(tun_of a)"
check "a packet from an address that is not a's is dropped at b" num "$(drops b inner_source) > $before"

say "what is wrong with a file"
printf 'allow a to b\nallow a too b on tcp:1\n' >"$LAB/bad"
check "its line and reason" refused "bad:2: 'to' is missing" coord_ctl policy check "$LAB/bad"
printf 'allow a to b on tcp:1\ntest\n  deny a to b on tcp:1\nend\n' >"$LAB/bad"
check "a test that fails" refused "bad:3: the test fails: node:a to node:b on tcp:1 is allowed" coord_ctl policy set "$LAB/bad"
check "the policy before is still in force" grep -q 8002 <(coord_ctl policy show)
printf 'test\n  deny tag:client to tag:server on tcp:1\n  deny a to b on tcp:1\nend\nallow tag:client to tag:server on tcp:1' >"$LAB/bad"
check "a test knows the tags of nodes" refused "bad:2: the test fails" coord_ctl policy check "$LAB/bad"
check "no file" refused "cannot read" coord_ctl policy check "$LAB/none"

say "who knows of whom"
policy 'allow tag:nobody to tag:nobody' || die "the policy is refused"
check "who may not talk is not in the map of the other" wait_for 2 sees_nobody a
check "nor the other way" wait_for 2 sees_nobody b
policy 'allow any to any' || die "the policy is refused"
check "and comes back" wait_for 2 both_know
check "everything passes" wait_for 3 reaches a "$IP_B" 8002

say "approval"
coord_ctl set approve on
adit b leave >/dev/null
wait_for 3 sees_nobody a
adit b join "$(coord_ctl invite --uses 2 --tag server)" --hostname b
check "a new node waits for approval" wait_for 5 state_is b waiting-for-approval
check "and is in nobody's map" sees_nobody a
coord_ctl approve b
check "approved, it is a member" wait_for 5 state_is b running
IP_B=$(overlay b)
check "and can be reached" wait_for 8 reaches a "$IP_B" 8001

say "a copied state folder"
cp -a "$LAB/a/state" "$LAB/srv/copy"
begun=$(now_ms)
spawn srv copy "$ADITD" --state "$LAB/srv/copy" --socket "$LAB/srv/adit.sock" --tun adit-copy --port 24111
effect "the copy is told after" 5 says srv "was copied"
effect "the original is told after" 5 says a "was copied"
check "the original stays connected" [ "$(adit a status --json | jq .coord.connected)" = true ]
check "and works" reaches a "$IP_B" 8001
stop srv copy

say "removal"
begun=$(now_ms)
coord_ctl remove b
effect "a removed node is gone from the others after" 2 sees_nobody a
check "and reaches nobody" not pings b
check "it is told" wait_for 2 says b removed
finish
