#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# nat_kinds.sh - the lab's NATs are what they are called, as two foreign STUN clients see it
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

seen() { ns a timeout 15 stun $SRV 2>&1 | sed -n 's/^Primary: //p'; }
kind_is() {
	local got
	nat_set a "$1"
	got=$(seen)
	say "$1: $got"
	[[ $got == $2* ]]
}
opener_dies() {
	[[ $(ns a ping -n -c 1 -W 1 -t 2 ${WAN[r2]} 2>&1) == *"From 11.1.0.1 "*exceeded* ]]
}

lab_need turnserver stun
lab_up
spawn srv turn turnserver -n -L $SRV -L $SRV2 -E $SRV --realm t --lt-cred-mech --user u:p \
	--no-tls --no-dtls --no-cli --pidfile "$LAB/srv/turn-own.pid" \
	--userdb "$LAB/srv/turn.sqlite" --min-port 50000 --max-port 50100 --log-file stdout
turn_up() { ns srv ss -Hlun 'sport = :3479' | grep -q $SRV2; }
wait_for 5 turn_up || die "turnserver does not start"

check "a packet of TTL 2 dies between the NATs" opener_dies
check "home" kind_is home "Independent Mapping, Port Dependent Filter, preserves ports"
check "accept" kind_is accept "Independent Mapping, Port Dependent Filter, preserves ports"
check "fullcone" kind_is fullcone "Independent Mapping, Independent Filter, random port"
check "addr-restricted" kind_is addr-restricted "Independent Mapping, Address Dependent Filter"
check "symmetric-random" kind_is symmetric-random "Dependent Mapping, random port"
check "open" kind_is open "Open"
check "udp-blocked" kind_is udp-blocked "Blocked"
finish
