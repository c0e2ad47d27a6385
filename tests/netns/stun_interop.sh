#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# stun_interop.sh - foreign STUN clients against adit-relay, and our classification
# against coturn and against adit-relay, behind each of the lab's NATs
. "$(dirname "$0")/lib.sh"

BUILD=${ADIT_BIN:-$ROOT/build}
RELAY=$BUILD/relay/adit-relay
NATPROBE=$BUILD/tests/tools/natprobe
KEY=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

# what the program stun says of a NAT, in the words of RFC 3489
stun_says() { ns a timeout 20 stun $SRV 2>&1 | sed -n 's/^Primary: //p'; }
# what turnutils_natdiscovery says: mapping, then filtering
coturn_says() {
	ns a timeout 40 turnutils_natdiscovery -m -f $SRV 2>&1 |
		grep -aoE '(Endpoint Independent|Address Dependent|Address and Port Dependent) (Mapping|Filtering)|No NAT|NAT with' |
		grep -v '^NAT with' | sort -u | tr '\n' ',' | sed 's/,$//'
}
probe_says() {
	ns a timeout 10 "$NATPROBE" "$@" >"$LAB/a/natprobe.txt" 2>&1
	awk '$1 == "mapping" || $1 == "filtering" || $1 == "preserving" || $1 == "opener_needed" { printf "%s%s", n++ ? " " : "", $2 }' "$LAB/a/natprobe.txt"
}

begins() { [[ $1 == $2* ]]; }
same() { [ "$1" = "$2" ]; }
# expect TEXT WANT GOT
expect() { check "$1: $3" same "$3" "$2"; }

relay_up() { ns srv ss -Hlun 'sport = :3479' | grep -q $SRV2; }
server_start() {
	spawn srv stunserver "$@"
	wait_for 5 relay_up || { lab_logs; die "$1 does not start"; }
}
relay_start() {
	server_start "$RELAY" --state "$LAB/srv/relay" --coord-key $KEY \
		--listen $SRV --listen $SRV2 --udp-port 3478
}
turn_start() {
	server_start turnserver -n -L $SRV -L $SRV2 -E $SRV --realm t --lt-cred-mech \
		--user u:p --no-tls --no-dtls --no-cli \
		--pidfile "$LAB/srv/turn-own.pid" --userdb "$LAB/srv/turn.sqlite" \
		--min-port 50000 --max-port 50100 --log-file stdout
}

# KIND | the program stun | turnutils_natdiscovery | natprobe: mapping filtering
# preserving opener_needed
EI=endpoint-independent AD=address-dependent APD=address-and-port-dependent
kinds() {
	cat <<K
home|Independent Mapping, Port Dependent Filter, preserves ports|Address and Port Dependent Filtering,Endpoint Independent Mapping|$EI $APD yes no
accept|Independent Mapping, Port Dependent Filter, preserves ports|Address and Port Dependent Filtering,Endpoint Independent Mapping|$EI $APD yes yes
fullcone|Independent Mapping, Independent Filter, random port|Endpoint Independent Filtering,Endpoint Independent Mapping|$EI $EI no no
addr-restricted|Independent Mapping, Address Dependent Filter|Address Dependent Filtering,Endpoint Independent Mapping|$EI $AD yes no
symmetric-random|Dependent Mapping, random port|Address and Port Dependent Filtering,Address and Port Dependent Mapping|$APD $APD no no
K
}

each_kind() {
	local kind words coturn ours
	while IFS='|' read -r kind words coturn ours; do
		nat_set a "$kind"
		"$1" "$kind" "$words" "$coturn" "$ours"
	done < <(kinds)
}
against_relay() {
	local got
	got=$(stun_says)
	check "$1, stun: $got" begins "$got" "$2"
	nat_flush a
	expect "$1, turnutils_natdiscovery" "$3" "$(coturn_says)"
	nat_flush a
	expect "$1, natcheck and adit-relay" "$4" "$(probe_says -p 41000 $SRV:3478)"
}
against_coturn() {
	expect "$1, natcheck and coturn" "$4" "$(probe_says -p 42000 $SRV:3478)"
}
one_address() {
	nat_set a "$1"
	expect "$1, natcheck and a relay with one address" "$2" "$(probe_says -p 43000 $SRV:3478)"
}

lab_need turnserver stun turnutils_natdiscovery ss
[ -x "$RELAY" ] && [ -x "$NATPROBE" ] || die "adit-relay or natprobe is not built in $BUILD"
lab_up

relay_start
each_kind against_relay
nat_set a open
got=$(stun_says)
check "open, stun: $got" begins "$got" "Open"
expect "open, natcheck" "none $EI yes no" "$(probe_says -p 41000 $SRV:3478)"
nat_set a udp-blocked
probe_says -p 41000 $SRV:3478 >/dev/null
check "udp-blocked, natcheck" grep -qx "udp no" "$LAB/a/natprobe.txt"
stop srv stunserver

server_start_one() {
	spawn srv stunserver "$RELAY" --state "$LAB/srv/relay" --coord-key $KEY \
		--listen $SRV --udp-port 3478
	sleep 0.3
}
server_start_one
one_address home "$EI $APD yes no"
one_address accept "$EI $APD yes yes"
one_address symmetric-random "$APD $APD no no"
stop srv stunserver

turn_start
each_kind against_coturn
finish
