#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# hostile_member.sh - what a member cannot do to others, whatever it sends, on every path
#
#   a (behind r1): hostile      b (public) --- 192.168.99.0/24, offered by nobody
#   c (in the internet): router of h's 192.168.77.0/24, relays for others
#   d (in the internet): wants to be somebody else
#
# a's packets are made by hand and put into its tunnel: with the source addresses of others, to
# ports that the policy denies, behind extension headers, and, as a's stored map is
# falsified, to places that its peers do not serve. Each is to be dropped and counted
# under its reason, over every kind of path and behind the router; a packet that is allowed comes
# through beside them. Then names, routes, a token that is void, and control sockets.
. "$(dirname "$0")/lib.sh"

lab_need python3 setpriv
RAWIP=$ROOT/tests/tools/rawip.py
LAN=192.168.77 LAN_V6=fd77

says() {
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	[[ $out == *"$text"* ]]
}
not() { ! "$@" >/dev/null 2>&1; }
third_host() { # NAME NET
	ip netns add "$LAB_PREFIX$1" && ip -n "$LAB_PREFIX$1" link set lo up || return 1
	mkdir -p "$LAB/$1"
	link inet "to$1" "$2.1/24" "$1" eth0 "$2.2/24" && gateway "$1" "$2.1"
}
wire() {
	third_host c 11.3.0 && third_host d 11.4.0 || return 1
	ip netns add ${LAB_PREFIX}h && ip -n ${LAB_PREFIX}h link set lo up || return 1
	mkdir -p "$LAB/h"
	link c eth1 $LAN.1/24 h eth0 $LAN.10/24 && gateway h $LAN.1 || return 1
	ip -n ${LAB_PREFIX}c addr add $LAN_V6::1/64 dev eth1 nodad
	ip -n ${LAB_PREFIX}h addr add $LAN_V6::10/64 dev eth0 nodad
	ip -n ${LAB_PREFIX}h -6 route add default via $LAN_V6::1
	ip -n ${LAB_PREFIX}b link add near0 type veth peer name near1 &&
		ip -n ${LAB_PREFIX}b addr add 192.168.99.1/24 dev near0 &&
		ip -n ${LAB_PREFIX}b link set near0 up
	for n in b c; do ns $n sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1; done
}
v6_of() { adit "$1" status --json | jq -r '[.self.addresses[] | select(contains(":"))][0]'; }
drops() { adit "$1" status --json | jq ".drops.$2 // 0"; }
hear() { # HOST DEVICE
	: >"$LAB/$1/heard.log"
	spawn "$1" heard python3 -u "$RAWIP" hear "$2"
}
heard() { grep -cxF -- "$2" "$LAB/$1/heard.log"; }
hears() { [ "$(heard "$1" "$2")" -gt 0 ]; }
# heard_any HOST PATTERN - tags that came, of those that must not
heard_any() { grep -E -- "$2" "$LAB/$1/heard.log"; }
send() { ns a python3 "$RAWIP" send "$(tun_of a)"; }

# counted HOST REASON COUNT BEFORE
counted() { [ "$(drops "$1" "$2")" -ge $(($3 + $4)) ]; }

# batch HOST REASON TEXT - the packets on stdin, tags bad-..., all end at HOST for REASON;
# one that is allowed passes beside them. WHERE is the host that hears what comes. What
# is lost while a path changes, or because the server told a the truth, is sent again.
batch() {
	local host=$1 reason=$2 text="$STAGE: $3" lines count before tag
	round=$((round + 1))
	tag=good-$round
	lines=$(cat; echo "$GOOD $tag")
	count=$(($(wc -l <<<"$lines") - 1))
	before=$(drops "$host" "$reason")
	ended() { counted "$host" "$reason" "$count" "$before" && hears "$WHERE" "$tag"; }
	send <<<"$lines"
	wait_for 1 ended || { false_map; send <<<"$lines"; wait_for 3 ended; }
	check "$text: $count dropped as $reason" counted "$host" "$reason" "$count" "$before"
	check "$text: what is allowed passes" hears "$WHERE" "$tag"
	check "$text: nobody got one" not heard_any "$WHERE" '^bad-'
}
round=0

# falsify - a's stored map says that b and c have more behind them than was approved, and
# that c is at d's address; what the server sends later leaves it so
falsify() {
	node_kill a
	jq --arg c "$IP_C" --arg d "$IP_D" '.peers |= map(
		if .name == "b" then .routes = ["192.168.99.0/24", "172.31.0.0/16"]
		elif .name == "c" then .v4 = $d | .routes += ["192.168.78.0/24", "fd78::/64"]
		elif .name == "d" then .v4 = $c else . end)' \
		"$LAB/a/state/netmap.json" >"$LAB/a/false.json"
	cat "$LAB/a/false.json" >"$LAB/a/state/netmap.json"
	node_start a
}
believes() {
	adit a status --json | jq -e --arg d "$IP_D" '
		(.routes.used | map(.prefix) | contains(["192.168.99.0/24", "192.168.78.0/24", "172.31.0.0/16"])) and
		(.peers[] | select(.name == "c").addresses | index($d))'
}
false_map() { believes >/dev/null || { falsify; wait_for 3 believes; }; }

# attacks STAGE - to b by whatever path there is, and to h behind c
attacks() {
	STAGE=$1
	say "# $1"
	check "$STAGE: the path" wait_for 20 path_is a "$2"
	check "$STAGE: a believes what it likes, on that path" wait_for 20 eval "false_map && path_is a $2"
	WHERE=b GOOD="$IP_A $IP_B tcp 8001"
	batch b inner_destination "where b serves nobody" <<-N
		$IP_A 192.168.99.1 tcp 8001 bad-near
		$IP_A 192.168.99.7 tcp 8001 bad-behind
		$IP_A 172.31.0.1 icmp 0 bad-172
	N
	WHERE=h GOOD="$IP_A $LAN.10 tcp 8001"
	batch c inner_destination "behind a router, what was not approved" <<-N
		$IP_A 192.168.78.1 tcp 8001 bad-78
		$IP_A $IP_D tcp 8001 bad-d
		$V6_A fd78::1 tcp 8001 bad-fd78
	N
	WHERE=b GOOD="$IP_A $IP_B tcp 8001"
	batch b inner_source "another's address" <<-N
		$IP_C $IP_B udp 8001 bad-c
		$IP_B $IP_B udp 8001 bad-b
		$IP_D $IP_B tcp 8001 bad-d
		100.90.99.99 $IP_B tcp 8001 bad-nobody
		$LAN.10 $IP_B tcp 8001 bad-lan
		127.0.0.1 $IP_B tcp 8001 bad-loop
		11.9.0.2 $IP_B udp 8001 bad-server
		$V6_C $V6_B tcp 8001 bad-c6
		::1 $V6_B tcp 8001 bad-loop6
		::ffff:$IP_A $V6_B tcp 8001 bad-mapped
	N
	batch b acl_denied "what the policy denies" <<-N
		$IP_A $IP_B tcp 8002 bad-tcp
		$IP_A $IP_B udp 8001 bad-udp
		$IP_A $IP_B icmp 0 bad-icmp
		$IP_A $IP_B first 8002 bad-first
		$IP_A $IP_B later 8001 bad-later
		$IP_A $IP_B unknown 8001 bad-unknown
		$V6_A $V6_B tcp 8002 bad-tcp6
		$V6_A $V6_B udp 8001 bad-udp6
		$V6_A $V6_B icmp 0 bad-icmp6
		$V6_A $V6_B hop 8002 bad-hop
		$V6_A $V6_B dest 8002 bad-dest
		$V6_A $V6_B first 8002 bad-first6
		$V6_A $V6_B later 8001 bad-later6
		$V6_A $V6_B auth 8001 bad-auth
		$V6_A $V6_B esp 8001 bad-esp
		$V6_A $V6_B none 8001 bad-none
		$V6_A $V6_B unknown 8001 bad-unknown6
	N
	batch b acl_malformed "what cannot be told" <<-N
		$IP_A $IP_B options 8001 bad-options
		$V6_A $V6_B many 8001 bad-many
		$V6_A $V6_B long 8001 bad-long
		$V6_A $V6_B late 8001 bad-late
		$V6_A $V6_B route 8001 bad-route
	N
	WHERE=h GOOD="$IP_A $LAN.10 tcp 8001"
	batch c inner_source "behind a router, another's address" <<-N
		$IP_B $LAN.10 tcp 8001 bad-b
		$IP_C $LAN.10 tcp 8001 bad-c
		$LAN.1 $LAN.10 tcp 8001 bad-lan
	N
	batch c acl_denied "behind a router, what the policy denies" <<-N
		$IP_A $LAN.10 tcp 8002 bad-tcp
		$IP_A $LAN.10 icmp 0 bad-icmp
		$IP_A $LAN.1 tcp 22 bad-router
		$V6_A $LAN_V6::10 tcp 8002 bad-tcp6
		$V6_A $LAN_V6::10 dest 8002 bad-dest6
	N
}

policy() { printf '%s\n' "$@" >"$LAB/policy" && coord_ctl policy set "$LAB/policy"; }
listed() { coord_ctl nodes --json | jq -r '.nodes[].name' | sort | paste -sd ' '; }
address_of() { adit "$1" status --json | jq -r ".peers[] | select(.name == \"$2\").addresses[0]"; }

programs
lab_up home open
wire || die "the other hosts do not come up"
coord_start
coord_ctl set peer-relays off
for n in a b c d; do node_start $n; done
for n in a b c; do node_join $n; done
IP_A=$(overlay a) IP_B=$(overlay b) IP_C=$(overlay c)
V6_A=$(v6_of a) V6_B=$(v6_of b) V6_C=$(v6_of c)
adit c set relay on

say "# another's name"
for name in b B b.adit.internal " b "; do
	adit d join "$(coord_ctl invite)" --hostname "$name" --wait >/dev/null
	check "who asks for '$name' does not get it" [ "$(listed)" = "a b b-2 c" ]
	adit d leave
	wait_for 3 eval '[ "$(listed)" = "a b c" ]'
done
adit d join "$(coord_ctl invite)" --hostname d --wait >/dev/null
IP_D=$(overlay d)
check "a member has its name for good" says "knows this node by its name" adit d set hostname b
node_kill d
jq '.hostname = "b"' "$LAB/d/state/node.json" >"$LAB/d/node.json"
cat "$LAB/d/node.json" >"$LAB/d/state/node.json"
node_start d
connected() { [ "$(adit "$1" status --json | jq .coord.connected)" = true ]; }
check "d logs in as b" wait_for 5 connected d
check "and is d to the server" [ "$(listed)" = "a b c d" ]
check "and to others, as b is b" [ "$(address_of c b) $(address_of c d)" = "$IP_B $IP_D" ]

say "# another's route"
check "c offers its subnets" adit c set advertise-routes $LAN.0/24,$LAN_V6::/64
approve() { coord_ctl route approve c $LAN.0/24 && coord_ctl route approve c $LAN_V6::/64; }
check "they are approved" wait_for 3 approve
check "d offers the same, and part of it" adit d set advertise-routes $LAN.0/24,$LAN.10/32,192.168.70.0/24
offered_by() { coord_ctl route list --json | jq -r ".routes[] | select(.node == \"$1\" and .offered).prefix" | sort | paste -sd ' '; }
offers() { [ "$(offered_by "$1")" = "$2" ]; }
check "the server lists it" wait_for 3 offers d "192.168.70.0/24 $LAN.0/24 $LAN.10/32"
check "part of another's is not approved" says "overlaps" coord_ctl route approve d $LAN.10/32
for prefix in 0.0.0.0/1 ::/0 127.0.0.0/8 11.9.0.2/32 100.90.0.0/24 "${V6_B%::*}::/64" 224.0.0.0/4 169.254.0.0/16; do
	check "d may not offer $prefix" not adit d set advertise-routes "$prefix"
done
node_kill d
jq '.offers = ["0.0.0.0/1", "127.0.0.0/8", "11.9.0.2/32", "100.90.0.0/24", "'"$V6_B"'/128", "192.168.70.0/24"]' \
	"$LAB/d/state/node.json" >"$LAB/d/node.json"
cat "$LAB/d/node.json" >"$LAB/d/state/node.json"
node_start d
check "nor whatever its own aditd says of that: the server refuses all but one" wait_for 5 offers d 192.168.70.0/24
for n in a b; do adit $n set accept-routes on; done
used() { adit "$1" status --json | jq -r '[.routes.used[] | "\(.prefix) \(.via)"] | sort | join(", ")'; }
only_c() { [ "$(used a)" = "$LAN.0/24 c, $LAN_V6::/64 c" ] && [ "$(used a)" = "$(used b)" ]; }
check "what nobody approved is used by nobody" wait_for 3 only_c

policy "allow a to b on tcp:8001" "host lan = $LAN.0/24 $LAN_V6::/64" \
	"allow a to host:lan on tcp:8001" "allow b c d to any" "allow b c d to host:lan" || die "the policy is refused"
hear b "$(tun_of b)"
hear h eth0
enforced() { send <<<"$IP_A $IP_B tcp 8001 first" && hears b first; }
check "an allowed packet passes" wait_for 10 enforced

attacks direct direct
block_direct
attacks "relay over UDP" relay
check "it is UDP" [ "$(peer_field a .path.transport)" = udp ]
nat_set a udp-blocked
tls() { [ "$(peer_field a .path.transport)" = tls ]; }
check "no UDP" wait_for 15 tls
attacks "relay over TLS" relay
unblock_direct
attacks "direct over TCP" tcp
nat_set a home
block_direct
coord_ctl set peer-relays on
attacks "relay of a peer" peer-relay

say "# removed: a token that is void"
ns inet nft -f - <<N
table inet deaf {
	chain f {
		type filter hook forward priority filter
		ip saddr 11.1.0.2 tcp dport 443 drop
		ip daddr 11.1.0.2 tcp sport 443 drop
	}
}
N
sees() { [ "$(adit b status --json | jq '[.peers[] | select(.name == "a")] | length')" = 1 ]; }
check "a cannot hear that it is removed" coord_ctl remove a
check "b does without it" wait_for 2 not sees
node_kill a
lines=$(($(wc -l <"$LAB/a/aditd.log") + 1))
node_start a
refused_by() { tail -n +$lines "$LAB/a/aditd.log" | grep -q "relay $1 refuses us"; }
let_in() { adit a status --json | jq -e '[.relays[] | select(.udp or .tls)] != []'; }
for relay in coord c; do
	check "with the token that it has stored: refused by $relay" wait_for 8 refused_by $relay
done
check "no relay lets it in" not let_in
send <<<"$GOOD late"
check "its packets reach nobody" not eval 'wait_for 1 hears b late || hears h late'

say "# another user at the control sockets"
# in the group of the socket, which may read; without it, who may not
reader() { ns "$1" setpriv --reuid 65534 --regid 65534 --groups "$(stat -c %g "$LAB/$1/$2")" "${@:3}"; }
stranger() { ns "$1" setpriv --reuid 65534 --regid 65534 --clear-groups "${@:2}"; }
status_of() { "$@" >/dev/null 2>&1; echo $?; }
B="$ADIT --socket $LAB/b/adit.sock"
for words in status "status --json" version dump "complete ping"; do
	check "may read: adit $words" reader b adit.sock $B $words >/dev/null
done
before=$(adit b status --json | jq -S '{state, self, routes}')
for words in up down leave "join adit1:x" "ping c -c 1" "why c" netcheck rotate-key "set relay off" \
	"set advertise-routes 192.168.55.0/24" "set accept-routes off" "set hostname x" "set exit-node c"; do
	check "may not: adit $words" [ "$(status_of reader b adit.sock $B $words)" = 4 ]
done
for words in status up "set relay off"; do
	check "without the group: adit $words" [ "$(status_of stranger b $B $words)" = 4 ]
done
check "nothing has changed" [ "$(adit b status --json | jq -S '{state, self, routes}')" = "$before" ]
S="$ADIT_COORD --admin-socket $LAB/srv/admin.sock"
check "may read: adit-coord status" reader srv admin.sock $S status >/dev/null
before=$(coord_ctl nodes --json | jq -S '[.nodes[] | {name, key}]')
for words in invite nodes "remove c" "expire c" "revive c" "approve c" "set approve on" "route list" \
	"route approve d 192.168.70.0/24" "policy show" "policy rollback" "policy set $LAB/policy" \
	"relay list" "wg-peer list" "wg-peer remove c" "wg-peer add p --gateway c" \
	"backup $LAB/srv/stolen"; do
	check "may not: adit-coord $words" [ "$(status_of reader srv admin.sock $S $words)" = 1 ]
done
check "nothing was handed out" [ ! -e "$LAB/srv/stolen" ]
check "without the group: adit-coord status" [ "$(status_of stranger srv $S status)" = 1 ]
check "nothing has changed" [ "$(coord_ctl nodes --json | jq -S '[.nodes[] | {name, key}]')" = "$before" ]
for f in b/state/node.json b/state/netmap.json srv/state/coord.db srv/state/channel.key; do
	check "$f is nobody else's to read" [ "$(status_of reader srv admin.sock cat "$LAB/$f")" = 1 ]
done
finish
