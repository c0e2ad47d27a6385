#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# wg_peer.sh - a stock WireGuard as a member: wireguard-go behind its gateway b
#
#   a (behind r1)    b (public, the gateway) <--- WireGuard --- c (in the internet)
. "$(dirname "$0")/lib.sh"

guest_wire() {
	ip netns add ${LAB_PREFIX}c && ip -n ${LAB_PREFIX}c link set lo up || return 1
	mkdir -p "$LAB/c"
	ns c sysctl -qw net.ipv4.ping_group_range="0 2147483647"
	link c eth0 11.3.0.2/24 inet toc 11.3.0.1/24 && gateway c 11.3.0.1
}
says() {
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	[[ $out == *"$text"* ]]
}
value() { sed -n "s/^$1 = //p" "$LAB/c/phone.conf"; }
# guest_start - the printed configuration into wireguard-go
guest_start() {
	IF=wgp$$
	echo "$IF" >>"$LAB/wg-sockets"
	spawn c wg wireguard-go -f $IF
	wait_for 5 ns c wg show $IF || die "wireguard-go does not start"
	PHONE=$(value Address | sed 's,/.*,,')
	grep -vE '^(Address|MTU) ' "$LAB/c/phone.conf" >"$LAB/c/wg.conf"
	ns c wg setconf $IF "$LAB/c/wg.conf" &&
		ip -n ${LAB_PREFIX}c addr add "$PHONE/32" dev $IF &&
		ip -n ${LAB_PREFIX}c link set $IF mtu 1280 up &&
		ip -n ${LAB_PREFIX}c route add 100.90.0.0/16 dev $IF
}
reaches() { ns "$1" ping -q -n -c 1 -W 1 "$2" >/dev/null 2>&1; }
policy() { printf '%s\n' "$@" >"$LAB/policy" && coord_ctl policy set "$LAB/policy"; }

lab_need wg wireguard-go
adit_up home open
guest_wire || die "the internet does not come up"
ns b sysctl -qw net.ipv4.ip_forward=1

say "# a member without adit"
check "no such gateway" says "gateway's name" coord_ctl wg-peer add phone --gateway nobody
check "a name is taken" says "of that name" coord_ctl wg-peer add a --gateway b
check "wrong usage" eval 'coord_ctl wg-peer add 2>/dev/null; [ $? = 2 ]'
umask 077
check "added" eval 'coord_ctl wg-peer add phone --gateway b --endpoint ${OPEN_NET[b]}.2:24100 --tag mobile >"$LAB/c/phone.conf"'
umask 022
check "its key is with the server nowhere" eval '! grep -rq "$(value PrivateKey)" "$LAB/srv"'
check "listed" says phone coord_ctl wg-peer list
check "wireguard-go takes the configuration" guest_start
check "it reaches its gateway" wait_for 8 reaches c "$IP_B"
check "and a, through it" wait_for 8 reaches c "$IP_A"
check "a reaches it" wait_for 8 reaches a "$PHONE"

say "# in the same policy"
check "a may not be reached by it" policy "allow tag:mobile to b" "allow a to phone on icmp"
sleep 0.5
check "b may" wait_for 5 reaches c "$IP_B"
check "a, no" eval '! reaches c "$IP_A"'
check "a reaches it, and is answered" wait_for 5 reaches a "$PHONE"
check "the other way round" policy "allow phone to a on icmp"
sleep 0.5
check "it reaches a" wait_for 5 reaches c "$IP_A"
check "a not it" eval '! reaches a "$PHONE"'
check "it not b" eval '! reaches c "$IP_B"'

say "# with a QR code, on a terminal alone"
mkdir "$LAB/bin" && printf '#!/bin/sh\necho "QR: $* of $(wc -l) lines"\n' >"$LAB/bin/qrencode" && chmod +x "$LAB/bin/qrencode"
on_terminal() { PATH="$LAB/bin:$PATH" coord_ctl_on_terminal "$@" >"$LAB/terminal" 2>&1 </dev/null; }
coord_ctl_on_terminal() {
	ns srv python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)' \
		"$ADIT_COORD" --admin-socket "$LAB/srv/admin.sock" "$@"
}
check "added on a terminal" on_terminal wg-peer add tablet --gateway b --endpoint ${OPEN_NET[b]}.2:24100
check "the whole configuration as a QR code" says "QR: -t ANSIUTF8 of $(grep -c '' "$LAB/c/phone.conf") lines" cat "$LAB/terminal"
check "and as text" says "PrivateKey = " cat "$LAB/terminal"
check "elsewhere no QR code" eval '! grep -q QR "$LAB/c/phone.conf"'
check "removed" coord_ctl wg-peer remove tablet

say "# over a restart, and removed"
coord_kill
coord_start
policy "allow any to any" >/dev/null
check "the server knows it yet" says phone coord_ctl wg-peer list
check "it reaches a" wait_for 10 reaches c "$IP_A"
check "a node is none" says "no stock WireGuard" coord_ctl wg-peer remove a
check "removed" coord_ctl wg-peer remove phone
check "and out at once" wait_for 2 eval '! reaches c "$IP_A"'
finish
