#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# nat64.sh - a node in a network that has IPv6 alone: tayga translates, unbound names it
#
# The server has IPv4 alone and is named by its address. a joins through the translator, goes
# direct to b, and does without the translator when IPv4 comes and with it when that goes;
# the second time a router advertisement tells of it and no name does, the third time PCP.
. "$(dirname "$0")/lib.sh"

PREFIX=2001:db8:64::/96

ipv4_gone() {
	ip -n ${LAB_PREFIX}a -4 addr flush dev eth0
	nat_flush a
}
ipv4_back() {
	ip -n ${LAB_PREFIX}a addr add 10.0.0.2/24 dev eth0
	gateway a 10.0.0.1
}
ipv6_wire() {
	ns r1 sysctl -qw net.ipv6.conf.all.forwarding=1
	ip -n ${LAB_PREFIX}r1 addr add 2001:db8:6::1/64 dev lan nodad &&
		ip -n ${LAB_PREFIX}a addr add 2001:db8:6::2/64 dev eth0 nodad &&
		ip -n ${LAB_PREFIX}a -6 route replace default via 2001:db8:6::1 ||
		die "no IPv6 between a and its router"
}
translator() {
	cat >"$LAB/r1/tayga.conf" <<N
tun-device nat64
ipv4-addr 192.168.255.1
ipv6-addr 2001:db8:6:64::1
prefix $PREFIX
dynamic-pool 192.168.255.0/24
N
	ns r1 tayga -c "$LAB/r1/tayga.conf" --mktun >/dev/null &&
		ip -n ${LAB_PREFIX}r1 link set nat64 up &&
		ip -n ${LAB_PREFIX}r1 addr add 192.168.255.254/32 dev nat64 &&
		ip -n ${LAB_PREFIX}r1 route add 192.168.255.0/24 dev nat64 &&
		ip -n ${LAB_PREFIX}r1 -6 route add $PREFIX dev nat64 || die "no translator"
	spawn r1 tayga tayga -c "$LAB/r1/tayga.conf" -d
}
# The zone of RFC 7050 and nothing else; what it has no IPv6 address for is synthesised.
resolver() {
	cat >"$LAB/r1/zone" <<'N'
$ORIGIN ipv4only.arpa.
$TTL 60
@ SOA ns.ipv4only.arpa. root.ipv4only.arpa. 1 60 60 60 60
@ NS ns.ipv4only.arpa.
@ A 192.0.0.170
@ A 192.0.0.171
N
	cat >"$LAB/r1/unbound.conf" <<N
server:
	interface: 2001:db8:6::1
	access-control: ::/0 allow
	username: ""
	chroot: ""
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	module-config: "dns64 iterator"
	dns64-prefix: $PREFIX
auth-zone:
	name: "ipv4only.arpa."
	zonefile: "$LAB/r1/zone"
	for-downstream: no
	for-upstream: yes
	fallback-enabled: no
remote-control:
	control-enable: no
N
	mkdir -p "/etc/netns/${LAB_PREFIX}a"
	on_exit rm -rf "/etc/netns/${LAB_PREFIX}a"
	echo "nameserver 2001:db8:6::1" >"/etc/netns/${LAB_PREFIX}a/resolv.conf"
	spawn r1 unbound unbound -d -c "$LAB/r1/unbound.conf"
	wait_for 5 named || { lab_logs; die "unbound does not name the translator"; }
}
named() { ns a getent ahostsv6 ipv4only.arpa | grep -q 2001:db8:64:; }
# advertise SECONDS - a router advertisement with the option of RFC 8781
advertise() {
	ns r1 /usr/bin/python3 - "$1" <<'N'
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
at = socket.if_nametoindex("lan")
head = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0)  # no default router
scaled = int(sys.argv[1]) // 8
option = struct.pack("!BBH", 38, 2, scaled << 3) + socket.inet_pton(socket.AF_INET6, "2001:db8:64::")[:12]
s.sendto(head + option, ("ff02::1", 0, 0, at))
N
}
# pcp_server - says yes to every pinhole, and names the translator to who asks for it (RFC 7225);
# no packaged one knows that option
pcp_server() {
	spawn r1 pcp /usr/bin/python3 -c '
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("2001:db8:6::1", 5351))
named = struct.pack("!BBHH", 129, 0, 14, 12) + socket.inet_pton(socket.AF_INET6, "2001:db8:64::")[:12] + bytes(2)
while True:
    q, who = s.recvfrom(1100)
    m = bytes([2, q[1] | 128, 0, 0]) + q[4:8] + struct.pack("!I", 1000) + bytes(12) + q[24:60]
    s.sendto(m + (named if q[60:61] == b"\x81" else b""), who)
'
}
nat64() { adit a netcheck --json 2>/dev/null | jq -r '.nat64 // "none"'; }
nat64_is() { [[ $(nat64) == $1 ]]; }
told() { advertise 600 && nat64_is "$PREFIX (advertised*"; }
public_is() { [ "$(adit a netcheck --json | jq -r '.ipv4.public // empty' | sed 's/:.*//')" = "$1" ]; }
candidates() { adit a why b --json 2>/dev/null | jq -r '.local.candidates[].at'; }
offers() { candidates | grep -qF "$1"; }
# again NAME - both direct, in how long
again() {
	local start
	start=$(now_ms)
	check "$1: direct" go_direct 20 || adit a why b
	figure "direct_$2" $(($(now_ms) - start)) ms
}

lab_need tayga unbound
programs
lab_up home home
coord_start
node_start b
node_join b
ipv6_wire
translator
resolver
ipv4_gone
start=$(now_ms)
node_start a
node_join a
figure join $(($(now_ms) - start)) ms
IP_A=$(overlay a) IP_B=$(overlay b)
check "the translator is found by name" wait_for 5 nat64_is "$PREFIX (found by*"
check "the public address is the router's" wait_for 5 public_is ${WAN[r1]}
again "by the translator" nat64
check "no candidate lies behind the translator" test -z "$(candidates | grep 2001:db8:64:)"

ipv4_back
check "with IPv4 the translator is left" wait_for 5 nat64_is none
check "with IPv4 its address is offered" wait_for 5 offers 10.0.0.2:
again "by IPv4 again" ipv4

stop r1 unbound
ipv4_gone
check "the translator is known by a router's word" wait_for 10 told
again "by the advertised translator" advertised
advertise 0
check "a prefix taken back is used no more" wait_for 10 nat64_is "64:ff9b::/96 (assumed*"

pcp_server
node_kill a TERM
node_start a
check "the translator is known by PCP" wait_for 10 nat64_is "$PREFIX (named by*"
again "by the translator that PCP names" pcp
[ "$FAILS" = 0 ] || lab_logs
finish
