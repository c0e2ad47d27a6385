#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# key_rotation.sh - tunnel keys are replaced by hand and by themselves; a TCP connection
# that runs meanwhile goes on
. "$(dirname "$0")/lib.sh"

key_of() { adit "$1" status --json | jq -r .self.key; }
key_file() { jq -r .tunnel "$LAB/$1/state/node.json"; }
new_key() { [ "$(key_of "$1")" != "$2" ]; }
known_as() { [ "$(peer_field "$1" .key)" = "$2" ]; }
says() {
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	[[ $out == *"$text"* ]]
}
# tcp_start - numbered lines from a to b, 50 a second, by one connection
tcp_start() {
	spawn b sink python3 -uc 'import socket, sys
s = socket.create_server((sys.argv[1], 7900))
c = s.accept()[0]
with open(sys.argv[2], "wb", 0) as f:
	while (d := c.recv(65536)):
		f.write(d)' "$IP_B" "$LAB/b/lines"
	: >"$LAB/b/lines"
	wait_for 5 eval '[ -n "$(ns b ss -Hltn "sport = :7900")" ]'
	spawn a source bash -c "exec >/dev/tcp/$IP_B/7900
		for ((i = 1; i <= $1; i++)); do echo \$i; sleep 0.02; done"
	wait_for 5 eval '[ -s "$LAB/b/lines" ]'
}
# tcp_whole LINES - all came, in order, and the connection was the one of the start
tcp_whole() {
	wait_for 30 gone b sink && cmp -s "$LAB/b/lines" <(seq "$1")
}

lab_need jq
adit_up
check "direct" go_direct 15

say "# by hand, under a TCP connection and a probe"
before=$(key_of a) file=$(key_file a)
check "a connection runs" tcp_start 300
probe_start b 5 100
sleep 1
check "a takes a new key" adit a rotate-key
check "at once" new_key a "$before"
check "on disk" eval '[ "$(key_file a)" != "$file" ]'
check "b knows it" wait_for 5 known_as b "$(key_of a)"
probe_wait b
check_le rotation_pause "$(probe_field b longest_ms)" ms 2000
check "the connection lost nothing" tcp_whole 300
check "direct again" go_direct 15
check "the server's table has it" says "$(key_of a)" coord_ctl nodes --json

say "# both, one behind the other"
a=$(key_of a) b=$(key_of b)
check "a connection runs" tcp_start 300
check "a" adit a rotate-key
check "b" adit b rotate-key
check "two new keys" eval 'new_key a "$a" && new_key b "$b"'
check "the connection lost nothing" tcp_whole 300

say "# by itself"
node_kill a
jq '.tunnel_since = 1000000000' "$LAB/a/state/node.json" >"$LAB/a/node.json"
cat "$LAB/a/node.json" >"$LAB/a/state/node.json"
before=$(key_of b) file=$(key_file a)
node_start a
check "an old key is replaced" wait_for 10 eval '[ "$(key_file a)" != "$file" ]'
check "b takes it" wait_for 5 known_as b "$(key_of a)"
check "traffic passes" wait_for 5 pings b
check "a young one stays" eval '[ "$(key_of b)" = "$before" ]'

say "# not when it would cut something off"
coord_kill
check "without the server" wait_for 10 says "not connected" adit a rotate-key
check "the key stays" known_as b "$(key_of a)"
check "traffic passes" wait_for 5 pings a
finish
