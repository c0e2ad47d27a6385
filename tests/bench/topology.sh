# SPDX-License-Identifier: MIT
#
# topology.sh - the wires between two hosts a and b for scripts/bench
#
#   direct    a ---- b
#   nat       a ---- r1(NAT) ---- r2(NAT) ---- b        s, for servers, hangs on r1
#   relay     a ---- s ---- b                           s does not forward
#   tls       the same, and no UDP gets out of a and b
#
# r2 forwards ports 21000-22999 to b, so that tunnels without NAT traversal work too; the
# way of each packet is the same. UA and UB are the addresses at which a and b are
# reached, US that of the servers. LINKS holds every end of every wire.

HOSTS="a b r1 r2 s"
ns() { ip netns exec "$PREFIX$1" "${@:2}"; }

wire() { # A DEV ADDRESS B DEV ADDRESS
	ip -n "$PREFIX$1" link add "$2" type veth peer name "$5" netns "$PREFIX$4" &&
		ip -n "$PREFIX$1" addr add "$3" dev "$2" &&
		ip -n "$PREFIX$4" addr add "$6" dev "$5" &&
		ip -n "$PREFIX$1" link set "$2" up &&
		ip -n "$PREFIX$4" link set "$5" up || return 1
	LINKS+=("$1 $2" "$4 $5")
}
gateway() { ip -n "$PREFIX$1" route replace default via "$2"; }

topology_direct() {
	wire a eth0 10.99.0.1/24 b eth0 10.99.0.2/24 || return 1
	UA=10.99.0.1 UB=10.99.0.2 US=10.99.0.2 SERVERS=b
}
topology_nat() {
	wire a eth0 10.98.1.2/24 r1 lan 10.98.1.1/24 &&
		wire b eth0 10.98.2.2/24 r2 lan 10.98.2.1/24 &&
		wire r1 wan 10.90.0.1/24 r2 wan 10.90.0.2/24 &&
		wire r1 srv 10.91.0.1/24 s eth0 10.91.0.2/24 &&
		gateway a 10.98.1.1 && gateway b 10.98.2.1 && gateway r2 10.90.0.1 &&
		gateway s 10.91.0.1 || return 1
	nat r1 '{ "wan", "srv" }' 10.90.0.1 '' &&
		nat r2 '{ "wan" }' 10.90.0.2 'meta l4proto { tcp, udp } th dport 21000-22999 dnat to 10.98.2.2' || return 1
	UA= UB=10.90.0.2 US=10.91.0.2 SERVERS=s
}
nat() { # ROUTER OUTWARDS ADDRESS FORWARD
	ns "$1" sysctl -qw net.ipv4.ip_forward=1
	ns "$1" nft -f - <<N
table ip nat {
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		${4:+iifname "wan" $4}
	}
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		iifname "lan" oifname $2 snat to $3
	}
}
N
}
topology_relay() {
	wire a eth0 10.98.1.2/24 s ea 10.98.1.1/24 &&
		wire b eth0 10.98.2.2/24 s eb 10.98.2.1/24 &&
		gateway a 10.98.1.1 && gateway b 10.98.2.1 || return 1
	ns s sysctl -qw net.ipv4.ip_forward=0
	UA= UB= US=10.98.1.1 SERVERS=s
}
topology_tls() {
	local h
	topology_relay || return 1
	for h in a b; do
		ns $h nft 'add table inet walled; add chain inet walled out { type filter hook output priority filter; }
			add rule inet walled out oifname "eth0" meta l4proto udp drop' || return 1
	done
}
# relayed - do all packets of this topology pass through a server?
relayed() { [ "$TOPOLOGY" = relay ] || [ "$TOPOLOGY" = tls ]; }

# underlay whole|gro - what a wire does with a UDP train: carried whole, as between two
# virtual machines of a host; or cut by the sender's kernel and joined by the receiver's
# GRO, as by a network card
underlay() {
	local l
	[ "$1" = gro ] || return 0
	for l in "${LINKS[@]}"; do
		ns "${l% *}" ethtool -K "${l#* }" tx-udp-segmentation off >/dev/null &&
			ns "${l% *}" ethtool -K "${l#* }" gro on rx-udp-gro-forwarding on >/dev/null ||
			return 1
	done
}

topology_up() { # TOPOLOGY UNDERLAY
	local h
	LINKS=()
	for h in $HOSTS; do
		ip netns add "$PREFIX$h" && ip -n "$PREFIX$h" link set lo up || return 1
		ns $h sysctl -qw net.ipv4.ping_group_range="0 2147483647"
		# no socket of one tunnel takes another's port by chance
		ns $h sysctl -qw net.ipv4.ip_local_port_range="44000 60999"
	done
	"topology_$1" && underlay "$2" || return 1
	# a tunnel must not be a way for another one
	for h in a b; do
		ns $h nft -f - <<N || return 1
table inet apart {
	chain out {
		type filter hook output priority filter; policy accept;
		oifname != { "eth0", "lo" } udp sport 20000-21999 drop
	}
}
N
	done
}
topology_down() {
	local h
	for h in $HOSTS; do
		ip netns del "$PREFIX$h" 2>/dev/null
	done
}
