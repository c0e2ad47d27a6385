# SPDX-License-Identifier: MIT
#
# emulate.sh - the lab of lib.sh with natlab (tests/natlab) as its routers and links
#
#      a --- r1 ===== inet ===== r2 --- b        === natlab: 10 ms each way, and the NAT
#                      #
#                     srv                        so 40 ms from a to b and back, 80 ms by relay
#
# For kinds that natlab is not (a router that maps ports, a firewall of IPv6, UDP blocked), r1
# is the kernel's NAT and natlab the wire behind it; for "cgn-KIND" r1 is a home router and
# natlab a NAT of that kind behind it. A scenario sources lib.sh and this, and calls
# emulate_up KIND_A KIND_B in place of lab_up.

EMULATED_KINDS="open full-cone restricted port-restricted poisonable sequential block port-set pf random pool
 ban ban-strict mapped pfsense udp-blocked v6-port-restricted v6-random
 cgn-port-restricted cgn-sequential cgn-block cgn-random"
DELAY=${DELAY:-10}

# emulated_options KIND - of natlab
emulated_options() {
	local hard="--mapping address-port --ports"
	case $1 in
	full-cone) echo "--filtering independent" ;;
	restricted) echo "--filtering address" ;;
	port-restricted) ;;
	poisonable) echo "--accepts" ;;
	sequential) echo "$hard sequential:1 --foreign 100" ;;
	block) echo "$hard block:8192-9215" ;;
	port-set) echo "$hard set:0xff0:0x120" ;;
	pf) echo "$hard high" ;;
	random) echo "$hard random" ;;
	pool) echo "$hard random --pool 4" ;;
	ban) echo "$hard random --ban 400:2:60" ;;
	ban-strict) echo "$hard random --ban 100:2:20" ;;
	*) return 1 ;;
	esac
}

# natlab_find - sets NATLAB: built beside the programs
natlab_find() {
	NATLAB=${NATLAB:-${ADIT_BIN:-$ROOT/build}/tests/natlab/natlab}
	[ -x "$NATLAB" ] || die "natlab is not built: ninja -C build tests/natlab/natlab"
}

# natlab_start NAME INSIDE OUTSIDE OPTION... - devices as NAMESPACE:DEVICE, without prefix
natlab_start() {
	local name=$1 inside=$2 outside=$3
	shift 3
	spawn inet "$name" "$NATLAB" --inside "$LAB_PREFIX$inside" --outside "$LAB_PREFIX$outside" \
		--delay "$DELAY" --seed "${SEED:-1}" --timeout 30 --timeout-replied 120 \
		--keep $SRV_NET "$@"
	wait_for 5 grep -q '^up' "$LAB/inet/$name.log" || { lab_logs; die "natlab $name does not start"; }
}

# bare_wire NS DEV PEER PEERDEV - a veth that natlab can stand at the far end of
bare_wire() {
	ip -n "$LAB_PREFIX$1" link add "$2" type veth peer name "$4" netns "$LAB_PREFIX$3" &&
		ip -n "$LAB_PREFIX$1" link set "$2" arp off up &&
		ip -n "$LAB_PREFIX$3" link set "$4" arp off up &&
		ns "$1" ethtool -K "$2" tx off >/dev/null
}
# address NS DEV ADDR GATEWAY
address() {
	ip -n "$LAB_PREFIX$1" addr add "$3" dev "$2" &&
		ip -n "$LAB_PREFIX$1" route add default via "$4" dev "$2" onlink
}
# from_inet NUMBER DEV - the way to a site's addresses
from_inet() {
	ip -n ${LAB_PREFIX}inet route add 11.$1.0.0/24 dev "$2" &&
		ip -n ${LAB_PREFIX}inet -6 route add 2001:db8:$1::/48 dev "$2"
}

# site HOST KIND - a or b, its router, its link
site() {
	local host=$1 kind=$2 r=${ROUTER[$1]} n=${ROUTER[$1]#r} nat
	case $kind in
	mapped | pfsense | udp-blocked | v6-* | cgn-*)
		link $r lan 10.0.0.1/24 "$host" eth0 10.0.0.2/24 && gateway "$host" 10.0.0.1 || return 1
		ns $r sysctl -qw net.ipv4.ip_forward=1
		site_kernel "$host" "$kind" || return 1
		;;
	open)
		bare_wire "$host" eth0 $r lan && address "$host" eth0 11.$n.0.2/24 11.$n.0.1 || return 1
		natlab_start nat-$host $r:lan inet:w$n
		;;
	*)
		nat=$(emulated_options "$kind") || die "no NAT kind $kind (there are: $EMULATED_KINDS)"
		bare_wire "$host" eth0 $r lan && address "$host" eth0 10.0.0.2/24 10.0.0.1 || return 1
		natlab_start nat-$host $r:lan inet:w$n --external 11.$n.0.2 --gateway 10.0.0.1 $nat
		;;
	esac
	from_inet $n w$n
}

# site_kernel HOST KIND - r1 or r2 is a Linux router, natlab what lies behind it
site_kernel() {
	local host=$1 kind=$2 r=${ROUTER[$1]} n=${ROUTER[$1]#r} nft=home wan=11.${ROUTER[$1]#r}.0.2
	case $kind in
	cgn-*)
		wan=100.64.0.2
		natlab_start nat-$host $r:wan inet:w$n --external 11.$n.0.2 --gateway 100.64.0.1 \
			$(emulated_options "${kind#cgn-}")
		;;
	*) natlab_start nat-$host $r:wan inet:w$n ;;
	esac
	address $r wan $wan/24 ${wan%.*}.1 || return 1
	case $kind in
	udp-blocked) nft=udp-blocked ;;
	v6-random) nft=symmetric-random ;;
	pfsense) nft=symmetric-pfsense ;;
	esac
	nat_rules $nft $wan >"$LAB/$r/nat.nft"
	ns $r nft -f "$LAB/$r/nat.nft" || return 1
	case $kind in
	v6-*) site_v6 "$host" $r $n ;;
	mapped) site_maps $r ;;
	esac
}

# site_v6 HOST ROUTER N - public IPv6 behind a firewall that lets answers in
site_v6() {
	ns $2 sysctl -qw net.ipv6.conf.all.forwarding=1
	ip -n $LAB_PREFIX$2 addr add 2001:db8:$3::1/64 dev lan nodad &&
		ip -n $LAB_PREFIX$1 addr add 2001:db8:$3::2/64 dev eth0 nodad &&
		ip -n $LAB_PREFIX$1 route add default via 2001:db8:$3::1 &&
		ip -n $LAB_PREFIX$2 addr add 2001:db8:$3:1::2/64 dev wan nodad &&
		ip -n $LAB_PREFIX$2 -6 route add default dev wan || return 1
	cat >"$LAB/$2/v6.nft" <<N
table ip6 fw {
	chain forward {
		type filter hook forward priority filter; policy accept;
		ct state established,related accept
		iifname "wan" drop
	}
}
N
	ns $2 nft -f "$LAB/$2/v6.nft"
}

# site_maps ROUTER - miniupnpd, all three protocols
site_maps() {
	cat >"$LAB/$1/igd.nft" <<N
table inet miniupnpd {
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
	cat >"$LAB/$1/igd.conf" <<N
ext_ifname=wan
listening_ip=lan
http_port=5000
enable_natpmp=yes
enable_upnp=yes
secure_mode=yes
min_lifetime=10
max_lifetime=86400
system_uptime=no
lease_file=$LAB/$1/leases
uuid=3bb9dfb9-a99f-4171-a9e1-85557d6ba345
upnp_table_name=miniupnpd
upnp_nat_table_name=miniupnpd
allow 1024-65535 10.0.0.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
N
	ns $1 nft -f "$LAB/$1/igd.nft" || return 1
	spawn $1 igd miniupnpd -d -f "$LAB/$1/igd.conf" -P "$LAB/$1/igd-own.pid"
}

emulate_up() {
	local n
	natlab_find
	LAB=$(mktemp -d "${TMPDIR:-/tmp}/adit-lab.XXXXXX") || die "no temporary directory"
	chmod 755 "$LAB"
	: >"$LAB/pids"
	on_exit lab_down
	for n in a r1 inet r2 b srv; do
		ip netns add $LAB_PREFIX$n && ip -n $LAB_PREFIX$n link set lo up || die "no namespaces"
		ns $n sysctl -qw net.ipv4.ping_group_range="0 2147483647"
		mkdir -p "$LAB/$n"
	done
	ns inet sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n ${LAB_PREFIX}inet addr add 11.9.1.1/32 dev lo
	natlab_start link-srv srv:wan inet:w9
	address srv wan $SRV/24 11.9.0.1 && ip -n ${LAB_PREFIX}srv addr add $SRV2/24 dev wan &&
		ip -n ${LAB_PREFIX}srv addr add 2001:db8:9::2/64 dev wan nodad &&
		ip -n ${LAB_PREFIX}srv -6 route add default dev wan && from_inet 9 w9 &&
		site a "$1" && site b "$2" || { lab_logs; die "the emulated lab does not come up"; }
	for n in a b; do
		wait_for 3 ns $n ping -q -c 1 -W 1 $SRV || { lab_logs; die "lab: $n does not reach the server"; }
	done
}

# emulated_forget HOST - its NATs know nobody but the server any more, and take another seed
emulated_forget() {
	kill -HUP "$(pid_of inet nat-$1)"
	ns "${ROUTER[$1]}" conntrack -D -d "${WAN[${ROUTER[${OTHER[$1]}]}]}" >/dev/null 2>&1
	ns "${ROUTER[$1]}" conntrack -D -s "${WAN[${ROUTER[${OTHER[$1]}]}]}" >/dev/null 2>&1
	ns "${ROUTER[$1]}" conntrack -D -f ipv6 >/dev/null 2>&1
}
# stamps HOST - its log, with the time of each line, goes to stamped.log
stamps() {
	: >"$LAB/$1/stamped.log"
	spawn "$1" stamps bash -c 'tail -q -n 0 -F "$1" 2>/dev/null | while read -r line; do
		echo "$((${EPOCHREALTIME/./} / 1000)) $line"; done >>"$2"' stamps "$LAB/$1/aditd.log" "$LAB/$1/stamped.log"
}
# meet, part - the server lets a and b know each other, or not
meet() { echo "allow any to any" >"$LAB/policy" && coord_ctl policy set "$LAB/policy" >/dev/null; }
part() { echo "allow a to a" >"$LAB/policy" && coord_ctl policy set "$LAB/policy" >/dev/null; }
strangers() { [ "$(adit a status --json | jq '.peers | length')" = 0 ] && [ "$(adit b status --json | jq '.peers | length')" = 0 ]; }
# stamp_of HOST SINCE PATTERN - time of the first such line of its log since then
stamp_of() {
	awk -v since="$2" -v p="$3" '$1 >= since && $0 ~ p { print $1; exit }' "$LAB/$1/stamped.log"
}
went_direct() { [ -n "$(stamp_of a "$1" ": direct")" ] && [ -n "$(stamp_of b "$1" ": direct")" ]; }
classified() { [ "$(adit "$1" netcheck --json | jq -r ".udp and .ipv4.mapping == \"unknown\"")" = false ]; }
# emulate_mesh KIND_A KIND_B - lab, server, two nodes that know their NATs and not each other
emulate_mesh() {
	programs
	emulate_up "$1" "$2"
	coord_start
	part || die "adit-coord takes no policy"
	node_start a && node_start b
	node_join a && node_join b
	IP_A=$(overlay a) IP_B=$(overlay b)
	[ -n "$IP_A" ] && [ -n "$IP_B" ] || { lab_logs; die "a joined node has no overlay address"; }
	stamps a
	stamps b
	spawn b echo "$(tool gapprobe)" -l 7777
	wait_for 10 classified a && wait_for 10 classified b || { lab_logs; die "the NATs stay unknown"; }
	sleep 1 # port mappings and relays settle
}

# emulated_run SECONDS - from strangers with closed NATs to direct, under 50 packets a second
# each way. Sets RUN_MS (time to direct at both ends; empty: not in SECONDS), RUN_PROBES,
# RUN_LOST (packets lost after the first answer).
emulated_run() {
	local limit=$1 start end_a end_b
	wait_for 5 strangers || return 1
	emulated_forget a
	emulated_forget b
	start=$(now_ms)
	meet
	: >"$LAB/a/probe.log"
	spawn a probe "$LAB/gapprobe" -r 50 -t 90 "$IP_B" 7777
	if wait_for "$limit" went_direct "$start"; then
		end_a=$(stamp_of a "$start" ": direct")
		end_b=$(stamp_of b "$start" ": direct")
		RUN_MS=$(((end_a > end_b ? end_a : end_b) - start))
		sleep 0.7
	else
		RUN_MS=
	fi
	RUN_PROBES=$({ adit a why b --json; adit b why a --json; } | jq -rs '[.[].tried[].what |
		capture("(?<n>[0-9]+) probes").n | tonumber] | add // 0')
	kill -INT "$(pid_of a probe)"
	wait_for 5 gone a probe
	RUN_LOST=$(awk '/^gap: from/ && $3 > 0 { n += $5 } END { print n + 0 }' "$LAB/a/probe.log")
	part
}
# emulated_count HOST NAME - a counter of its NAT
emulated_count() {
	local log=$LAB/inet/nat-$1.log lines
	lines=$(wc -l <"$log")
	kill -USR1 "$(pid_of inet nat-$1)"
	wait_for 2 eval '[ "$(wc -l <"'"$log"'")" -gt '"$lines"' ]'
	tail -n 1 "$log" | awk -v f="$2" '{ for (i = 1; i < NF; i += 2) if ($i == f) print $(i + 1) }'
}
