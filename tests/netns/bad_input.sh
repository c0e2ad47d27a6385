#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# bad_input.sh - what users get wrong: one clear line, the right exit status, nothing half-done
. "$(dirname "$0")/lib.sh"

OUT= ERR= STATUS=
# try HOST COMMAND... - runs it with a limit; sets OUT, ERR, STATUS
try() {
	local host=$1
	shift
	OUT=$(ns "$host" timeout -k 1 "${LIMIT_S:-10}" "$@" 2>"$LAB/err" </dev/null)
	STATUS=$?
	ERR=$(cat "$LAB/err")
}
# expect TEXT STATUS PATTERN - the last try ended with STATUS and one line that matches
expect() {
	local lines why=
	lines=$(printf '%s' "$ERR" | grep -c '')
	[ "$STATUS" = "$2" ] || why="exit status $STATUS, not $2; "
	[ "$lines" = 1 ] || why+="$lines lines on standard error, not 1; "
	[[ $ERR =~ $3 ]] || why+="no word of $3"
	check "$1: \"${ERR:0:200}\"${why:+: $why}" test -z "$why"
}

aditd_try() {
	rm -rf "$LAB/a/try-state"
	try a "$ADITD" --state "$LAB/a/try-state" --socket "$LAB/a/try.sock" --tun adit-try --port 24199 "$@"
}
no_traces() {
	[ ! -e "$LAB/a/try.sock" ] && ! ip -n "${LAB_PREFIX}a" link show adit-try >/dev/null 2>&1
}

# conf LINE TEXT... - a configuration whose line LINE is wrong
conf() {
	local at=$1
	shift
	printf '%b' "$1" >"$LAB/a/bad.conf"
	chmod 600 "$LAB/a/bad.conf"
	aditd_try --config "$LAB/a/bad.conf"
	expect "configuration: ${1//$'\n'/ }" 1 "bad\.conf:$at: "
	check "  and nothing was left behind" no_traces
}
config_errors() {
	local key
	key=$(head -c 32 /dev/urandom | base64)
	conf 2 "[Interface]\nNoSuchKey = 1\n"
	conf 1 "[NoSuchSection]\n"
	conf 2 "[Interface]\nListenPort\n"
	conf 2 "[Interface]\nListenPort = 70000\n"
	conf 2 "[Interface]\nListenPort = 12x\n"
	conf 2 "[Interface]\nAddress = 10.0.0.300/24\n"
	conf 2 "[Interface]\nAddress = 10.0.0.1/33\n"
	conf 2 "[Interface]\nPrivateKey = tooshort\n"
	conf 5 "[Interface]\nPrivateKey = $key\n\n[Peer]\nPublicKey = AAAA\n"
	conf 6 "[Interface]\nPrivateKey = $key\n[Peer]\nPublicKey = $key\n# a comment\nEndpoint = 1.2.3.4\n"
	conf 5 "[Interface]\nPrivateKey = $key\n[Peer]\nPublicKey = $key\nAllowedIPs = 10.0.0.0/24, x\n"
	conf 1 "NoSection = 1\n"
	aditd_try --config "$LAB/a/none.conf"
	expect "a configuration file that is not there" 1 "none\.conf"
}

usage_errors() {
	local p
	for p in "$ADITD" "$ADIT" "$ADIT_COORD"; do
		try a "$p" --no-such-flag
		expect "${p##*/} --no-such-flag" 2 "no-such-flag"
	done
	try a "$ADIT" no-such-command
	expect "adit no-such-command" 2 "no-such-command"
	try a "$ADIT" join
	expect "adit join without an invite" 2 "."
	aditd_try --port 99999
	expect "aditd --port 99999" 2 "port|99999"
	aditd_try --log-level shouting
	expect "aditd --log-level shouting" 2 "log|shouting"
	try a "$ADIT" --socket "$LAB/a/none.sock" status
	expect "adit status without a daemon" 3 "none\.sock|aditd"
}

invites() {
	local invite good_invite other
	node_start a
	for invite in garbage adit1: adit1:AAAA "adit1:$(head -c 90 /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d =)"; do
		try a "$ADIT" --socket "$LAB/a/adit.sock" join "$invite"
		expect "the invite ${invite:0:20}" 1 "[Ii]nvite"
	done
	invite=$(coord_ctl invite)
	try a "$ADIT" --socket "$LAB/a/adit.sock" join "${invite%????}"
	expect "an invite cut short" 1 "[Ii]nvite"
	node_start b
	adit b join "$invite" --hostname b --wait || die "a good invite is refused"
	LIMIT_S=30 try a "$ADIT" --socket "$LAB/a/adit.sock" join "$invite" --wait
	expect "a used invite" 1 "used|[Ii]nvite"
	invite=$(coord_ctl invite --expires 1s)
	sleep 2.2
	LIMIT_S=30 try a "$ADIT" --socket "$LAB/a/adit.sock" join "$invite" --wait
	expect "an expired invite" 1 "expired|[Ii]nvite"
	check "the node did not join half" test "$(adit a status --json | jq -r .state)" = needs-join
	good_invite=$(coord_ctl invite)
	coord_kill TERM
	mv "$LAB/srv/state" "$LAB/srv/state-of-before"
	coord_start
	LIMIT_S=10 try a "$ADIT" --socket "$LAB/a/adit.sock" join "$good_invite" --wait
	expect "a server with another key: said at once" 1 "key"
	coord_kill TERM
	LIMIT_S=40 try a "$ADIT" --socket "$LAB/a/adit.sock" join "$good_invite" --wait
	expect "a server that is not there" 1 "server|connect|reach"
	check "the node did not join half" test "$(adit a status --json | jq -r .state)" = needs-join
	node_kill a TERM
	node_kill b TERM
}

# Each in a mount namespace of its own (ip netns exec makes one).
surroundings() {
	mkdir -p "$LAB/a/full" "$LAB/a/try-state"
	try a sh -c "mount -t tmpfs -o size=8k none '$LAB/a/full' && head -c 8192 /dev/zero >'$LAB/a/full/x'
		exec '$ADITD' --state '$LAB/a/full' --socket '$LAB/a/try.sock' --tun adit-try --port 24199"
	expect "a full disk" 1 "full|space|write"
	try a sh -c "mount -t tmpfs none /dev/net &&
		exec '$ADITD' --state '$LAB/a/try-state' --socket '$LAB/a/try.sock' --tun adit-try --port 24199"
	expect "no /dev/net/tun" 1 "/dev/net/tun"
	rm -rf "$LAB/a/try-state"
	try a setpriv --bounding-set -net_admin --inh-caps -net_admin "$ADITD" \
		--state "$LAB/a/try-state" --socket "$LAB/a/try.sock" --tun adit-try --port 24199
	expect "no CAP_NET_ADMIN" 1 "NET_ADMIN|privilege|root|permi"
	check "nothing was left behind" no_traces
	try srv sh -c "mount -t tmpfs -o size=8k none '$LAB/a/full' && head -c 8192 /dev/zero >'$LAB/a/full/x'
		exec '$ADIT_COORD' --state '$LAB/a/full' --listen $SRV:444 --url https://$SRV:444 --udp-port 3578 --admin-socket '$LAB/srv/try.sock'"
	expect "a full disk under adit-coord" 1 "full|space|write"
	spawn srv taken /usr/bin/python3 -m http.server --bind $SRV 445
	wait_for 5 listening 445
	try srv "$ADIT_COORD" --state "$LAB/srv/try-state" --listen $SRV:445 --url https://$SRV:445 \
		--udp-port 3578 --admin-socket "$LAB/srv/try.sock"
	expect "a port that is taken" 1 "445"
}
# other_users - reading is for the socket's group, changing for its owner and root
other_users() {
	local sock=$LAB/a/adit.sock who
	node_start a
	chmod 711 "$LAB/a"
	check "the socket is not for others" [ "$(stat -c %a "$sock")" = 660 ]
	try a setpriv --reuid 65534 --regid 65534 --clear-groups "$ADIT" --socket "$sock" status
	expect "status as another user" 4 "."
	who="setpriv --reuid 65534 --regid $(stat -c %g "$sock") --clear-groups"
	try a $who "$ADIT" --socket "$sock" version
	check "a user of its group may read" [ "$STATUS" = 0 ]
	for cmd in down leave "set hostname x" "join adit1:x" rotate-key netcheck; do
		try a $who "$ADIT" --socket "$sock" $cmd
		expect "adit $cmd as a user of its group" 4 "."
	done
	check "and nothing came of it" [ "$(adit a status --json | jq -r .state)" != stopped ]
	node_kill a TERM
}
listening() { ns srv ss -Hltn "sport = :$1" | grep -q .; }

lab_need setpriv
programs
lab_up
usage_errors
config_errors
coord_start
invites
other_users
surroundings
finish
