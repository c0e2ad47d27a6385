# SPDX-License-Identifier: MIT
#
# lib.sh - the lab: two hosts behind two kernel NATs, and a public server between them
#
#      a ------- r1 ----------- inet ----------- r2 ------- b
#   10.0.0.2  10.0.0.1          / | \         10.0.0.1   10.0.0.2     the same on both sides
#             11.1.0.2  11.1.0.1  |  11.2.0.1 11.2.0.2
#                             11.9.0.1
#                                 |
#                        srv 11.9.0.2, 11.9.0.3
#
# inet is a router, not a bridge: a packet from a with TTL 2 makes its mapping in r1 and
# dies in inet. Public-looking addresses live in the namespaces only.
#
# Every namespace carries a prefix of this run (adit$$-), so that runs do not meet; file
# paths are not namespaced, so each host has a directory of its own, $LAB/HOST, for state,
# sockets, logs and pids. lab_down undoes all of it on every way out.
#
# A scenario sources this, calls lab_need and lab_up, asserts with check, prints figures
# with figure, and ends with finish. Exit status: 0 good, 1 failed, 77 skipped (reason
# printed as "skip: ...").
. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

NETNS_DIR=$ROOT/tests/netns
LAB_PREFIX=${LAB_PREFIX:-adit$$-}
SRV=11.9.0.2 SRV2=11.9.0.3
SRV_NET=11.9.0.0/24 R1_NET=11.1.0.0/24 R2_NET=11.2.0.0/24
declare -A ROUTER=([a]=r1 [b]=r2) WAN=([r1]=11.1.0.2 [r2]=11.2.0.2)
declare -A OPEN_NET=([a]=11.1.1 [b]=11.2.1) OTHER=([a]=b [b]=a)
declare -A NAT_KIND=([a]=home [b]=home)
NAT_KINDS="home accept fullcone addr-restricted symmetric-random symmetric-forwarded symmetric-block symmetric-pf symmetric-pfsense open udp-blocked"

# --- verdicts -------------------------------------------------------------------------

FAILS=0 CHECKS=0
skip() { echo "skip: $*"; exit 77; }
# check TEXT COMMAND... - one assertion
check() {
	local text=$1
	shift
	CHECKS=$((CHECKS + 1))
	if "$@"; then
		good "$text"
	else
		FAILS=$((FAILS + 1))
		bad "$text"
	fi
}
# figure NAME VALUE UNIT [TARGET TEXT] - a measured number; TARGET is text only
figure() { echo "figure: $1 $2 $3${4:+ (target $4)}"; }
# check_le NAME VALUE UNIT LIMIT and check_ge: a figure that is also an assertion
check_le() { figure "$1" "$2" "$3" "<= $4"; check "$1 $2 $3, at most $4" num "$2 <= $4"; }
check_ge() { figure "$1" "$2" "$3" ">= $4"; check "$1 $2 $3, at least $4" num "$2 >= $4"; }
# num EXPRESSION - an arithmetic question; what is not a number is a no
num() {
	[[ $1 =~ ^-?[0-9.]+\ (\<=|\>=|==|\<|\>)\ -?[0-9.]+$ ]] && awk "BEGIN { exit !($1) }"
}
# median VALUE... - "never" if one of them is no number
median() {
	printf '%s\n' "$@" | sort -g | awk '
		!/^[0-9.]+$/ { none = 1 }
		{ v[NR] = $1 }
		END { print none ? "never" : (v[int((NR + 1) / 2)] + v[int((NR + 2) / 2)]) / 2 }'
}
worst() { printf '%s\n' "$@" | sed 's/^[^0-9].*/inf/' | sort -g | tail -n 1; }
now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }
seconds() { awk "BEGIN { printf \"%.3f\", $1 / 1000 }"; }
finish() {
	[ "$CHECKS" -gt 0 ] || die "nothing was checked"
	[ "$FAILS" = 0 ] || { lab_logs; exit 1; }
	exit 0
}
# wait_for SECONDS COMMAND... - until it succeeds; 50 ms steps
wait_for() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# --- namespaces -----------------------------------------------------------------------

lab_need() {
	local c
	[ "$(id -u)" = 0 ] || skip "needs root for network namespaces"
	for c in ip nft conntrack jq ping "$@"; do
		command -v "$c" >/dev/null || die "$c is missing: run scripts/install-deps test"
	done
	ip netns add "${LAB_PREFIX}try" 2>/dev/null || skip "this kernel or container allows no network namespaces"
	ip netns del "${LAB_PREFIX}try"
	[ -c /dev/net/tun ] || skip "/dev/net/tun is missing on this machine"
}

ns() { ip netns exec "$LAB_PREFIX$1" "${@:2}"; }

# link A DEV ADDR B DEV ADDR - a wire between two namespaces
link() {
	ip -n "$LAB_PREFIX$1" link add "$2" type veth peer name "$5" netns "$LAB_PREFIX$4" &&
		ip -n "$LAB_PREFIX$1" addr add "$3" dev "$2" &&
		ip -n "$LAB_PREFIX$4" addr add "$6" dev "$5" &&
		ip -n "$LAB_PREFIX$1" link set "$2" up &&
		ip -n "$LAB_PREFIX$4" link set "$5" up
}
gateway() { ip -n "$LAB_PREFIX$1" route replace default via "$2"; }

lab_up() {
	local n
	LAB=$(mktemp -d "${TMPDIR:-/tmp}/adit-lab.XXXXXX") || die "no temporary directory"
	chmod 755 "$LAB"
	: >"$LAB/pids"
	on_exit lab_down
	lab_wire || die "the lab's namespaces do not come up"
	nat_set a "${1:-home}"
	nat_set b "${2:-home}"
	for n in a b; do
		ns $n ping -q -c 1 -W 2 $SRV >/dev/null || die "lab: $n does not reach the server"
	done
}

lab_wire() {
	local n
	for n in a r1 inet r2 b srv; do
		ip netns add $LAB_PREFIX$n && ip -n $LAB_PREFIX$n link set lo up || return 1
		ns $n sysctl -qw net.ipv4.ping_group_range="0 2147483647"
		mkdir -p "$LAB/$n"
	done
	link r1 wan 11.1.0.2/24 inet r1 11.1.0.1/24 &&
		link r2 wan 11.2.0.2/24 inet r2 11.2.0.1/24 &&
		link srv wan $SRV/24 inet srv 11.9.0.1/24 &&
		link r1 lan 10.0.0.1/24 a eth0 10.0.0.2/24 &&
		link r2 lan 10.0.0.1/24 b eth0 10.0.0.2/24 || return 1
	ip -n ${LAB_PREFIX}srv addr add $SRV2/24 dev wan
	gateway srv 11.9.0.1 && gateway r1 11.1.0.1 && gateway r2 11.2.0.1 || return 1
	for n in r1 r2 inet; do
		ns $n sysctl -qw net.ipv4.ip_forward=1 || return 1
	done
	ip -n ${LAB_PREFIX}inet route add 11.1.1.0/24 via 11.1.0.2 &&
		ip -n ${LAB_PREFIX}inet route add 11.2.1.0/24 via 11.2.0.2
}

# lab_down - also after half a lab_up. Ends only what runs inside our own namespaces
# and what was recorded by spawn.
lab_down() {
	local n p pids
	[ -n "${LAB:-}" ] || return 0
	pids=$(lab_pids)
	[ -z "$pids" ] || kill $pids 2>/dev/null
	for n in 1 2 3 4 5 6 7 8 9 10; do
		pids=$(lab_pids)
		[ -n "$pids" ] || break
		sleep 0.1
	done
	[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
	for n in $(ip netns list | awk -v p="$LAB_PREFIX" 'index($1, p) == 1 { print $1 }'); do
		ip netns del "$n" 2>/dev/null
	done
	for n in $(cat "$LAB/wg-sockets" 2>/dev/null); do
		rm -f "/var/run/wireguard/$n.sock"
	done
	rm -rf "$LAB"
	LAB=
}
lab_pids() {
	local n p
	{
		for n in $(ip netns list | awk -v p="$LAB_PREFIX" 'index($1, p) == 1 { print $1 }'); do
			ip netns pids "$n"
		done
		while read -r p n; do
			[ -n "$n" ] && [ "$(born "$p")" = "$n" ] && echo "$p"
		done <"$LAB/pids"
	} 2>/dev/null | sort -un
}

# lab_logs - the end of every log, for a failed run
lab_logs() {
	local f
	for f in "$LAB"/*/*.log; do
		[ -s "$f" ] || continue
		say "--- ${f#"$LAB"/}"
		tail -n "${LOG_LINES:-30}" "$f"
	done
}

# spawn HOST NAME COMMAND... - in the background, log to $LAB/HOST/NAME.log, pid to
# $LAB/HOST/NAME.pid
spawn() {
	local host=$1 name=$2 pid
	shift 2
	${SPAWN:-} ip netns exec "$LAB_PREFIX$host" "$@" >>"$LAB/$host/$name.log" 2>&1 </dev/null &
	pid=$!
	disown $pid
	echo $pid >"$LAB/$host/$name.pid"
	echo "$pid $(born $pid)" >>"$LAB/pids"
}
# born PID - its start time: a number given out again is not our process
born() { sed 's/^.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
pid_of() { cat "$LAB/$1/$2.pid" 2>/dev/null; }
# alive HOST NAME - runs; a dead process that nobody has waited for yet does not
alive() {
	local pid stat
	pid=$(pid_of "$1" "$2")
	[ -n "$pid" ] && { stat=$(<"/proc/$pid/stat"); } 2>/dev/null || return 1
	stat=${stat##*) }
	[[ $stat != [ZX]* ]]
}
gone() { ! alive "$1" "$2"; }
# stop HOST NAME [SIGNAL] - and wait until it is gone
stop() {
	local pid
	pid=$(pid_of "$1" "$2")
	[ -n "$pid" ] || return 0
	kill -"${3:-TERM}" "$pid" 2>/dev/null
	wait_for 5 gone "$1" "$2" || kill -KILL "$pid" 2>/dev/null
	rm -f "$LAB/$1/$2.pid"
}

# --- NATs -----------------------------------------------------------------------------

# nat_set a|b KIND - gives the host's router that behaviour, with no memory of before.
#   home             port-restricted, port preserving; drops what comes in on its WAN
#   accept           the same, but stray packets to it are accepted: they take the tuple
#   fullcone         endpoint-independent mapping and filtering, random port
#   addr-restricted  any port of an address already spoken to may answer
#   symmetric-random another random port for each destination
#   symmetric-forwarded  the same, but someone has forwarded port 24100 to the host
#   symmetric-block  symmetric-random, out of 1,024 ports; symmetric-pf: out of 50001-65535
#   symmetric-pfsense  symmetric-pf, but source port 500 stays what it is
#   open             no NAT: the host has a public address
#   udp-blocked      home, and no UDP is forwarded
nat_set() {
	local host=$1 kind=$2 r=${ROUTER[$1]} file
	file=$LAB/$r/nat.nft
	case " $NAT_KINDS " in
	*" $kind "*) ;;
	*) die "nat_set: no NAT kind $kind (there are: $NAT_KINDS)" ;;
	esac
	host_address "$host" "$kind"
	nat_rules "$kind" "${WAN[$r]}" >"$file"
	ns $r nft flush ruleset && ns $r nft -f "$file" || die "nft refuses the rules for $kind"
	nat_flush "$host"
	NAT_KIND[$host]=$kind
}
nat_flush() { ns "${ROUTER[$1]}" conntrack -F >/dev/null 2>&1; }

# host_address HOST KIND - public for open, the common inner one else
host_address() {
	local r=${ROUTER[$1]} net=10.0.0
	[ "$2" = open ] && net=${OPEN_NET[$1]}
	if ip -n $LAB_PREFIX$1 -4 addr show dev eth0 | grep -q " $net.2/"; then
		gateway "$1" $net.1
		return
	fi
	ip -n $LAB_PREFIX$r addr flush dev lan
	ip -n $LAB_PREFIX$r addr add $net.1/24 dev lan
	ip -n $LAB_PREFIX$1 addr flush dev eth0
	ip -n $LAB_PREFIX$1 addr add $net.2/24 dev eth0
	gateway "$1" $net.1
}

nat_rules() {
	local kind=$1 wan=$2
	case $kind in
	open) return ;;
	accept) nat_post 'oifname "wan" masquerade' && return ;;
	home) nat_post 'oifname "wan" masquerade' ;;
	symmetric-random) nat_post 'oifname "wan" masquerade fully-random' ;;
	symmetric-forwarded)
		nat_post 'oifname "wan" masquerade fully-random'
		cat <<N
table ip forwarded {
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "wan" udp dport 24100 dnat ip to 10.0.0.2
	}
}
N
		;;
	symmetric-block) nat_post 'oifname "wan" meta l4proto { tcp, udp } masquerade to :8192-9215 fully-random
		oifname "wan" masquerade' ;;
	symmetric-pfsense) nat_post 'oifname "wan" udp sport 500 masquerade
		oifname "wan" meta l4proto { tcp, udp } masquerade to :50001-65535 fully-random
		oifname "wan" masquerade' ;;
	symmetric-pf) nat_post 'oifname "wan" meta l4proto { tcp, udp } masquerade to :50001-65535 fully-random
		oifname "wan" masquerade' ;;
	udp-blocked)
		nat_post 'oifname "wan" masquerade'
		cat <<N
table inet block {
	chain forward {
		type filter hook forward priority filter; policy accept;
		meta l4proto udp drop
	}
}
N
		;;
	fullcone) nat_fullcone "$wan" ;;
	addr-restricted) nat_addr_restricted ;;
	esac
	cat <<N
table inet fw {
	chain input {
		type filter hook input priority filter; policy accept;
		ct state established,related accept
		iifname "wan" drop
	}
}
N
}
nat_post() {
	cat <<N
table ip nat {
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		$1
	}
}
N
}
# In the chain learn, after source NAT, "ct reply proto-dst" is the translated port.
nat_fullcone() {
	cat <<N
table ip nat {
	map fc { type inet_service : ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 2m; }
	map em { type ipv4_addr . inet_service : inet_service; size 65535; flags dynamic,timeout; timeout 2m; }
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		ip daddr $1 meta l4proto udp dnat ip to udp dport map @fc
	}
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" meta l4proto udp snat to $1 : ip saddr . udp sport map @em
		oifname "wan" masquerade fully-random
		iifname "lan" oifname "lan" ct status dnat meta l4proto udp snat to $1 : ip saddr . udp sport map @em
		iifname "lan" oifname "lan" ct status dnat masquerade
	}
	chain learn {
		type filter hook postrouting priority 150; policy accept;
		oifname "wan" ct direction original meta l4proto udp update @fc { ct reply proto-dst : ct original ip saddr . ct original proto-src } update @em { ct original ip saddr . ct original proto-src : ct reply proto-dst }
	}
}
N
}
nat_addr_restricted() {
	cat <<N
table ip nat {
	map fc { type inet_service : ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 2m; }
	set peers { type ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 2m; }
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		iifname "wan" meta l4proto udp ip saddr . udp dport @peers dnat ip to udp dport map @fc
	}
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" masquerade
	}
	chain learn {
		type filter hook postrouting priority 150; policy accept;
		oifname "wan" ct direction original meta l4proto udp update @fc { ct reply proto-dst : ct original ip saddr . ct original proto-src } update @peers { ip daddr . ct reply proto-dst }
	}
}
N
}

# --- faults on the way ----------------------------------------------------------------

# block NAME RULE... - drop rules in the forward path of inet; unblock NAME ends them
block() {
	local name=$1 rule
	shift
	{
		echo "table inet $name {"
		echo "	chain f {"
		echo "		type filter hook forward priority filter; policy accept;"
		for rule; do echo "		$rule counter drop"; done
		echo "	}"
		echo "}"
	} >"$LAB/inet/$name.nft"
	ns inet nft -f "$LAB/inet/$name.nft" || die "nft refuses the block $name"
}
unblock() { ns inet nft delete table inet "$1"; }
block_server() { block server "ip daddr $SRV_NET" "ip saddr $SRV_NET"; }
unblock_server() { unblock server; }
# between the two sites nothing passes any more; both still reach the server
block_direct() { block direct 'iifname "r1" oifname "r2"' 'iifname "r2" oifname "r1"'; }
unblock_direct() { unblock direct; }

# --- adit -----------------------------------------------------------------------------

# programs - sets ADITD, ADIT, ADIT_COORD from ADIT_BIN: a build folder, or one with the
# programs in it
programs() {
	local bin=${ADIT_BIN:-$ROOT/build} dir
	for dir in "$bin" "$bin/daemon" "$bin/daemon/cli" "$bin/coord"; do
		[ -f "$dir/aditd" ] && : "${ADITD:=$dir/aditd}"
		[ -f "$dir/adit" ] && : "${ADIT:=$dir/adit}"
		[ -f "$dir/adit-coord" ] && : "${ADIT_COORD:=$dir/adit-coord}"
	done
	[ -x "${ADITD:-}" ] && [ -x "${ADIT:-}" ] && [ -x "${ADIT_COORD:-}" ] ||
		die "aditd, adit and adit-coord are not built in $bin: meson setup build && ninja -C build, or set ADIT_BIN"
}
# tool NAME - builds tests/tools/NAME.c into the lab once; prints its path
tool() {
	local out=$LAB/$1
	[ -x "$out" ] || ${CC:-gcc} -O2 -Wall -D_GNU_SOURCE -o "$out" "$ROOT/tests/tools/$1.c" ||
		die "tests/tools/$1.c does not compile"
	echo "$out"
}

coord_ctl() { ns srv "$ADIT_COORD" --admin-socket "$LAB/srv/admin.sock" "$@"; }
coord_start() {
	spawn srv coord "$ADIT_COORD" --state "$LAB/srv/state" --listen $SRV:443 \
		--url https://$SRV --udp-port 3478 --admin-socket "$LAB/srv/admin.sock" "$@"
	wait_for 10 coord_ctl nodes || { lab_logs; die "adit-coord does not answer on its admin socket"; }
}
coord_kill() { stop srv coord "${1:-KILL}"; }

tun_of() { echo "adit-$1"; }
adit() { ns "$1" "$ADIT" --socket "$LAB/$1/adit.sock" "${@:2}"; }
node_spawn() {
	spawn "$1" aditd "$ADITD" --state "$LAB/$1/state" --socket "$LAB/$1/adit.sock" \
		--tun "$(tun_of "$1")" --port 24100 --log-level "${LOG_LEVEL:-info}" "${@:2}"
}
node_start() {
	node_spawn "$@"
	wait_for 5 adit "$1" status || { lab_logs; die "aditd of $1 does not answer on its socket"; }
}
node_kill() { stop "$1" aditd "${2:-KILL}"; }
node_join() {
	local invite
	invite=$(coord_ctl invite) || die "adit-coord gives no invite"
	adit "$1" join "$invite" --hostname "$1" --wait || { lab_logs; die "$1 cannot join"; }
}

# adit_up [KIND_A KIND_B] - the whole mesh: lab, server, two joined nodes
adit_up() {
	programs
	lab_up "${1:-home}" "${2:-home}"
	coord_start
	node_start a
	node_start b
	node_join a
	node_join b
	IP_A=$(overlay a) IP_B=$(overlay b)
	[ -n "$IP_A" ] && [ -n "$IP_B" ] || { lab_logs; die "a joined node has no overlay address"; }
	check "a and b see each other in the netmap" wait_for 5 both_know
}
both_know() { [ -n "$(peer_field a .name)" ] && [ -n "$(peer_field b .name)" ]; }

overlay() {
	adit "$1" status --json | jq -r '[.self.addresses[] | select(contains(":") | not)][0] // empty' | sed 's,/.*,,'
}
overlay_of() { [ "$1" = a ] && echo "$IP_A" || echo "$IP_B"; }

# peer_field HOST FILTER - of the other node, as HOST sees it; empty if null or unknown
peer_field() {
	adit "$1" status --json 2>/dev/null | jq -r "first(.peers[] | select(.name | split(\".\")[0] == \"${OTHER[$1]}\")) | $2 // empty"
}
path_kind() { peer_field "$1" .path.kind; }
path_is() { [ "$(path_kind "$1")" = "$2" ]; }
paths_are() { path_is a "$1" && path_is b "$1"; }
# go_direct SECONDS - until both are direct, with traffic, as idle nodes need no path
go_direct() {
	local status
	spawn a traffic ping -q -n -i 0.05 "$(overlay_of b)"
	wait_for "$1" paths_are direct
	status=$?
	stop a traffic
	return $status
}
pings() { ns "$1" ping -q -n -c 1 -W 1 "$(overlay_of "${OTHER[$1]}")" >/dev/null 2>&1; }

# first_answer HOST SECONDS - pings every 20 ms; prints the time, as now_ms, of the first
# answer. One ping process, its own timestamps.
first_answer() {
	local line
	line=$(ns "$1" timeout "$2" ping -D -n -i 0.02 -W 1 "$(overlay_of "${OTHER[$1]}")" 2>/dev/null |
		grep --line-buffered -m 1 'bytes from')
	[[ $line =~ ^\[([0-9]+)\.([0-9]{3}) ]] && echo "${BASH_REMATCH[1]}${BASH_REMATCH[2]}"
}

# probe_start HOST SECONDS [GAP_MS] - 1,000 packets a second to the other node, in the
# background; probe_field HOST NAME reads the summary once probe_wait HOST returned.
probe_start() {
	local probe other=${OTHER[$1]}
	probe=$(tool gapprobe)
	alive "$other" echo || spawn "$other" echo "$probe" -l 7777
	wait_for 2 echoes "$other"
	: >"$LAB/$1/probe.log"
	spawn "$1" probe "$probe" -r 1000 -t "$2" -g "${3:-50}" "$(overlay_of "$other")" 7777
}
echoes() { [ -n "$(ns "$1" ss -Hlun 'sport = :7777')" ]; }
# probe_wait HOST [now] - to its end, or end it now
probe_wait() {
	[ "${2:-}" != now ] || kill -INT "$(pid_of "$1" probe)"
	wait_for 120 gone "$1" probe
	sed "s/^/probe from $1: /" "$LAB/$1/probe.log"
}
probe_field() {
	awk -v f="$2" '$1 == "sent" { for (i = 1; i < NF; i += 2) if ($i == f) print $(i + 1) }' \
		"$LAB/$1/probe.log"
}
