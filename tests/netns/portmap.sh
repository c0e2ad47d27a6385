#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# portmap.sh - a real home router (miniupnpd) maps our port by PCP, NAT-PMP and UPnP
#
# a sits behind r1, which runs miniupnpd and speaks one protocol at a time; b sits behind a
# NAT that takes another random port for each destination. A mapping is advertised only
# once a packet from outside has come through it; then b reaches a directly at once.
LOG_LEVEL=${LOG_LEVEL:-debug} # what the child says is looked for below
export LOG_LEVEL
. "$(dirname "$0")/lib.sh"

# igd_start PROTOCOL [LINE...] - router r1 speaks pcp, natpmp or upnp alone; more lines of
# configuration, such as ext_ip=
igd_start() {
	local what=$1 natpmp=yes upnp=no block=
	shift
	case $what in
	pcp) block='udp dport 5351 @th,64,8 0 drop' ;;
	natpmp) block='udp dport 5351 @th,64,8 2 drop' ;;
	upnp) natpmp=no upnp=yes block='udp dport 5351 drop' ;; # it answers PCP over IPv6 all the same
	esac
	igd_rules "$block" >"$LAB/r1/igd.nft"
	nat_set a home && ns r1 nft -f "$LAB/r1/igd.nft" || die "nft refuses the router's rules"
	rm -f "$LAB/r1/leases"
	cat >"$LAB/r1/igd.conf" <<N
ext_ifname=wan
listening_ip=lan
http_port=5000
enable_natpmp=$natpmp
enable_upnp=$upnp
secure_mode=yes
min_lifetime=10
max_lifetime=86400
system_uptime=no
lease_file=$LAB/r1/leases
uuid=3bb9dfb9-a99f-4171-a9e1-85557d6ba345
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
$(printf '%s\n' "$@")
allow 1024-65535 10.0.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
N
	igd_run
}
igd_run() {
	spawn r1 igd miniupnpd -d -f "$LAB/r1/igd.conf" -P "$LAB/r1/igd-own.pid"
	wait_for 5 igd_listens || die "miniupnpd does not start"
}
igd_listens() { [ -n "$(ns r1 ss -Hlun 'sport = :5351 or sport = :1900')" ]; }
igd_rules() {
	cat <<N
table inet miniupnpd {
	chain input {
		type filter hook input priority -10; policy accept;
		${1:+iifname "lan" $1}
	}
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		iifname "lan" accept
		jump miniupnpd
	}
	chain miniupnpd {
	}
	chain prerouting {
		type nat hook prerouting priority -100; policy accept;
		jump prerouting_miniupnpd
	}
	chain postrouting {
		type nat hook postrouting priority 90; policy accept;
		jump postrouting_miniupnpd
	}
	chain prerouting_miniupnpd {
	}
	chain postrouting_miniupnpd {
	}
}
N
}
# igd_forget - the table of a router that was switched off
igd_forget() {
	local c
	for c in miniupnpd prerouting_miniupnpd postrouting_miniupnpd; do
		ns r1 nft flush chain inet miniupnpd $c
	done
	rm -f "$LAB/r1/leases"
	ns r1 conntrack -F >/dev/null 2>&1
}

# mapped_port - the external port in the router's own table; nothing: none
mapped_port() {
	ns r1 nft list chain inet miniupnpd prerouting_miniupnpd |
		sed -n 's/.*udp dport \([0-9]*\).*dnat.*/\1/p;s/.*th dport \([0-9]*\).*dnat.*/\1/p' | head -n 1
}
router_maps() { [ -n "$(mapped_port)" ]; }
router_is_clean() { [ -z "$(mapped_port)" ]; }
advertised() { adit a why b --json 2>/dev/null | jq -r 'first(.local.candidates[] | select(.kind == "mapped") | .at) // empty'; }
is_advertised() { [ -n "$(advertised)" ]; }
peer_sees() { [ "$(adit b why a --json | jq -r 'first(.remote.candidates[] | select(.kind == "mapped") | .at) // empty')" = "$(advertised)" ]; }
portmap() { adit a netcheck --json | jq -r ".portmap.$1"; }

one_protocol() {
	local what=$1 start took
	say "--- $what"
	igd_start "$what"
	nat_flush b
	start=$(now_ms)
	node_start a
	check "$what: the mapping is advertised" wait_for 15 is_advertised
	took=$(seconds $(($(now_ms) - start)))
	figure "$what start to proved mapping" "$took" s
	check "$what: it is the router's own" [ "$(advertised)" = "${WAN[r1]}:$(mapped_port)" ]
	check "$what: netcheck names the protocol" [ "$(portmap $what)" = true ]
	check "$what: netcheck shows the endpoint" [ "$(portmap external)" = "$(advertised)" ]
	check "$what: the peer learns it" wait_for 5 peer_sees
	start=$(now_ms)
	check "$what: a peer behind a random NAT is direct" go_direct 5
	figure "$what traffic to direct" "$(seconds $(($(now_ms) - start)))" s
}
stop_a() {
	stop a aditd TERM
	check "$1: deleted at the router on a clean exit" wait_for 3 router_is_clean
	check "$1: no pinhole is left on a clean exit" wait_for 3 has_no_pinhole
	stop r1 igd
	igd_forget # of what another protocol made nothing may be left
}
# The lab has no IPv6 beyond the router, so the pinhole is looked up there, and not proved.
has_pinhole() { ns r1 nft list chain inet miniupnpd miniupnpd | grep -qi -e 2001:db8:1::2 -e 20010db80001; }
has_no_pinhole() { ! has_pinhole; }
# child_is TEXT... - lines of /proc/PID/status of a child that waits for a deaf gateway
child_status() {
	spawn a child "${ADITD%/*}/adit-portmap" find 10.0.0.9 10.0.0.2 24100 24100 7200
	sleep 0.3
	cat "/proc/$(pid_of a child)/status" >"$LAB/a/child.status"
	stop a child
}
child_is() { grep -qE "$1" "$LAB/a/child.status"; }
came_back() { router_maps && is_advertised; }

lab_need miniupnpd
programs
lab_up home symmetric-random
ip -n ${LAB_PREFIX}r1 addr add 2001:db8:1::1/64 dev lan nodad
ip -n ${LAB_PREFIX}a addr add 2001:db8:1::2/64 dev eth0 nodad
ip -n ${LAB_PREFIX}a route add default via 2001:db8:1::1
ip -n ${LAB_PREFIX}r1 addr add 2001:db8:2::2/64 dev wan nodad
ns r1 sysctl -qw net.ipv6.conf.all.forwarding=1
coord_start
igd_start pcp
node_start a
node_start b
node_join a
node_join b
IP_A=$(overlay a) IP_B=$(overlay b)
stop a aditd TERM
stop r1 igd

one_protocol pcp
say "--- the router is switched off and on"
sleep 4 # an epoch of seconds has to have grown before it can go back
stop r1 igd KILL
igd_forget
check "the router has forgotten" router_is_clean
igd_run
start=$(now_ms)
check "the mapping is made again" wait_for 15 came_back
figure "router's return to mapping" "$(seconds $(($(now_ms) - start)))" s
check "IPv6: the firewall has a pinhole" wait_for 5 has_pinhole
stop_a pcp
one_protocol natpmp
stop_a natpmp
one_protocol upnp
check "UPnP was spoken by a child without privileges" grep -q "adit-portmap map: mapped" "$LAB/a/aditd.log"
check "UPnP, IPv6: the firewall has a pinhole" wait_for 10 has_pinhole
check "UPnP, IPv6: it was the child that asked" grep -q "adit-portmap map: mapped 2001:db8:1::2 " "$LAB/a/aditd.log"
stop_a upnp
child_status
check "the UPnP child is nobody" child_is "^Uid:	65534	65534	65534	65534"
check "it has no group" child_is "^Groups:	 *$"
check "it has no capability" child_is "^CapEff:	0*$"
check "it can gain none" child_is "^NoNewPrivs:	1"

say "--- a router that lies about its address"
for what in pcp natpmp upnp; do
	igd_start $what ext_ip=99.99.99.99
	node_start a
	refused() { [[ $(portmap "state.$what") == "its external address"* ]]; }
	check "$what: refused" wait_for 15 refused
	check "$what: not advertised" [ -z "$(advertised)" ]
	check "$what: given back to the router" wait_for 5 router_is_clean
	stop a aditd TERM
	stop r1 igd
done

say "--- a router that is behind a NAT itself"
ip -n ${LAB_PREFIX}r1 addr flush dev wan
ip -n ${LAB_PREFIX}r1 addr add 172.16.0.2/24 dev wan
ip -n ${LAB_PREFIX}inet addr add 172.16.0.1/24 dev r1
gateway r1 172.16.0.1
ns inet nft -f - <<N
table ip outer {
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 172.16.0.0/24 masquerade
	}
}
N
for what in pcp natpmp upnp; do
	igd_start $what
	node_start a
	settled() { case $(portmap "state.$what") in "being asked" | answers | mapped*) false ;; *) true ;; esac; }
	check "$what: settled" wait_for 15 settled
	say "$what: $(portmap "state.$what")"
	check "$what: nothing advertised" [ -z "$(advertised)" ]
	stop a aditd TERM
	stop r1 igd
done
finish
