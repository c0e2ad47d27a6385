#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# wg_interop.sh - aditd against the distribution's wireguard-go, both roles, psk, roaming
#
# REKEY=1 adds the rekey after 120 s (wg_rekey.sh). A case per run of both programs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

ADIT_IP=10.77.0.1 WG_IP=10.77.0.2
HOST_A=${OPEN_NET[a]}.2 HOST_B=${OPEN_NET[b]}.2

keys() {
	umask 077
	wg genkey >"$LAB/a/key" && wg genkey >"$LAB/b/key" && wg genpsk >"$LAB/psk"
	wg pubkey <"$LAB/a/key" >"$LAB/a/pub" && wg pubkey <"$LAB/b/key" >"$LAB/b/pub"
	umask 022
}

# adit_side PSK ENDPOINT - a runs aditd with a [Peer]; '' leaves a line out
adit_side() {
	cat >"$LAB/a/aditd.conf" <<C
[Interface]
PrivateKey = $(cat "$LAB/a/key")
Address = $ADIT_IP/24
ListenPort = 24100

[Peer]
PublicKey = $(cat "$LAB/b/pub")
AllowedIPs = $WG_IP/32
${1:+PresharedKey = $(cat "$LAB/psk")}
${2:+Endpoint = $2}
C
	chmod 600 "$LAB/a/aditd.conf"
	rm -rf "$LAB/a/state"
	spawn a aditd "$ADITD" --config "$LAB/a/aditd.conf" --state "$LAB/a/state" \
		--socket "$LAB/a/adit.sock" --tun "$(tun_of a)" --log-level "${LOG_LEVEL:-info}"
	wait_for 5 adit a status && wait_for 5 has_address
}
has_address() { [[ $(ip -n "${LAB_PREFIX}a" -4 addr show dev "$(tun_of a)" 2>/dev/null) == *"$ADIT_IP"* ]]; }

# wg_side PSK ENDPOINT
wg_side() {
	IF=wgi$$
	echo "$IF" >>"$LAB/wg-sockets"
	spawn b wg wireguard-go -f "$IF"
	wait_for 5 ns b wg show $IF || die "wireguard-go does not start"
	ns b wg set $IF private-key "$LAB/b/key" listen-port 25100 \
		peer "$(cat "$LAB/a/pub")" ${1:+preshared-key "$LAB/psk"} \
		${2:+endpoint "$2"} allowed-ips "$ADIT_IP/32"
	ip -n "${LAB_PREFIX}b" addr add $WG_IP/24 dev $IF
	ip -n "${LAB_PREFIX}b" link set $IF mtu 1420 up
}
both_stop() { stop a aditd; stop b wg; }
from_adit() { ns a ping -q -n -c "${1:-1}" -i 0.2 -W 2 $WG_IP >/dev/null; }
from_wg() { ns b ping -q -n -c "${1:-1}" -i 0.2 -W 2 $ADIT_IP >/dev/null; }
handshake() { ns b wg show $IF latest-handshakes | awk '{ print $2 }'; }
has_handshake() { num "$(handshake) > 0"; }
endpoint_is() { [[ $(ns b wg show $IF endpoints) == *"$1" ]]; }

# move HOST ADDRESS - from now on its packets come from there: its router rewrites them.
# The host keeps its own: wireguard-go cannot part with a source address once used.
move() {
	local r=${ROUTER[$1]}
	ip -n "$LAB_PREFIX$r" addr add "$2/24" dev wan
	nat_post "oifname \"wan\" snat to $2" >"$LAB/$r/move.nft"
	ns "$r" nft flush ruleset && ns "$r" nft -f "$LAB/$r/move.nft" && nat_flush "$1"
}

adit_initiates() {
	local psk=$1 text=${1:+ with psk}
	wg_side "$psk" ''
	check "adit starts$text" adit_side "$psk" $HOST_B:25100
	check "adit initiates$text" wait_for 8 from_adit
	check "wg shows the handshake$text" has_handshake
	check "10 of 10 pings from wg$text" from_wg 10
}
wg_initiates() {
	local psk=$1 text=${1:+ with psk}
	check "adit starts as responder$text" adit_side "$psk" ''
	wg_side "$psk" $HOST_A:24100
	check "wg initiates$text" wait_for 8 from_wg
	check "wg shows the handshake$text" has_handshake
	check "10 of 10 pings from adit$text" from_adit 10
}
roaming() {
	check "the other host moves" move b 11.2.0.9
	check "wg from another address reaches adit" wait_for 5 from_wg
	check "adit answers to the new address" from_adit 5
	nat_set b open
	check "wg moves back" wait_for 5 from_wg
	check "adit's host moves" move a 11.1.0.9
	check "adit from another address reaches wg" wait_for 5 from_adit
	check "wg follows to the new address" endpoint_is 11.1.0.9:24100
	check "wg reaches adit there" from_wg 5
}
# Another psk: no handshake, whatever else agrees
wrong_psk() {
	nat_set a open
	nat_set b open
	adit_side yes ''
	wg genpsk >"$LAB/psk"
	wg_side yes $HOST_A:24100
	check "a wrong preshared key gives no tunnel" eval '! wait_for 3 from_wg'
	check "and no handshake" eval '! has_handshake'
}
rekey() {
	local before lost
	before=$(handshake)
	lost=$(ns a ping -q -n -c 640 -i 0.2 $WG_IP | sed -n 's/.* \([0-9]*\) received.*/\1/p')
	check "a new handshake after 120 s" num "$(handshake) > $before"
	check_le lost_across_rekey $((640 - lost)) "of 640 pings" 0
}

lab_need wireguard-go wg
programs
lab_up open open
keys
adit_initiates ''
both_stop
adit_initiates yes
both_stop
wg_initiates ''
both_stop
wg_initiates yes
roaming
check "tunnel works before the rekey" wait_for 5 from_adit
[ -z "${REKEY:-}" ] || rekey
both_stop
wrong_psk
finish
