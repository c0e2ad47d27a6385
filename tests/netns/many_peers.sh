#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# many_peers.sh - two tunnels between the same hosts, of nodes with one peer and of nodes
# with 10,000 peers and 100,000 routes: what the many cost, in start, memory, throughput
#
# ROUNDS=5 interleaved rounds of SECONDS_EACH=1 s of TCP; up to three times as many while
# the medians differ. KEPT=0.97 is what is aimed at, and holds on a machine that does
# nothing else; the default only tells a lookup that grows with the number of peers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

PEERS=${PEERS:-10000} ROUTES=${ROUTES:-10}
ROUNDS=${ROUNDS:-5} SECONDS_EACH=${SECONDS_EACH:-1} KEPT=${KEPT:-0.85}
declare -A PORT=([one]=24100 [many]=24200) NET=([one]=10.77.0 [many]=10.78.0)
declare -A HOST=([a]=1 [b]=2) FIRST=([a]=20 [b]=40)

# configure HOST one|many
configure() {
	local me=$1 set=$2 other=${OTHER[$1]}
	{
		echo "[Interface]"
		echo "PrivateKey = $(cat "$LAB/$me/$set.key")"
		echo "Address = ${NET[$set]}.${HOST[$me]}/24"
		echo "ListenPort = ${PORT[$set]}"
		[ "$set" = one ] || /usr/bin/python3 "$ROOT/tests/tools/wg_peers.py" $((PEERS - 1)) "$ROUTES" "${FIRST[$me]}"
		echo "[Peer]"
		echo "PublicKey = $(cat "$LAB/$other/$set.pub")"
		echo "AllowedIPs = ${NET[$set]}.${HOST[$other]}/32"
		echo "Endpoint = ${OPEN_NET[$other]}.2:${PORT[$set]}"
	} >"$LAB/$me/$set.conf"
}
keys() {
	local n set
	for set in one many; do
		for n in a b; do
			wg genkey >"$LAB/$n/$set.key" && wg pubkey <"$LAB/$n/$set.key" >"$LAB/$n/$set.pub"
		done
		for n in a b; do configure $n $set; done
	done
}
up() {
	spawn "$1" "$2" "$ADITD" --config "$LAB/$1/$2.conf" --state "$LAB/$1/$2" \
		--socket "$LAB/$1/$2.sock" --tun "adit-$2" --log-level "${LOG_LEVEL:-info}"
}
status_of() { ns "$1" "$ADIT" --socket "$LAB/$1/$2.sock" status --json; }
routed() { [ "$(ip -n "$LAB_PREFIX$1" route show dev "adit-$2" | wc -l)" -ge "$3" ]; }
reaches() { ns "$1" ping -q -c 1 -W 1 "${NET[$2]}.${HOST[${OTHER[$1]}]}" >/dev/null; }
memory() { awk '/VmRSS/ { print $2 }' "/proc/$(pid_of "$1" "$2")/status"; }
cpu_ms() { awk '{ print ($14 + $15) * 10 }' <(sed 's/^.*) /0 0 /' "/proc/$(pid_of "$1" "$2")/stat"); }

# stream SET - one TCP stream to b; sets GBPS, and COST in CPU ms of both daemons per GB
stream() {
	local before
	before=$(($(cpu_ms a "$1") + $(cpu_ms b "$1")))
	GBPS=$(iperf_gbps a "${NET[$1]}.2" "$SECONDS_EACH" "${IPERF[$1]}")
	COST=$(awk "BEGIN { printf \"%.0f\", ($(($(cpu_ms a "$1") + $(cpu_ms b "$1"))) - $before) / ($GBPS * $SECONDS_EACH / 8) }")
}
declare -A IPERF=([one]=5201 [many]=5202)
rounds() {
	local set i
	for ((i = 0; i < ROUNDS; i++)); do
		for set in one many; do
			stream $set
			printf '%s %s\n' "$GBPS" "$COST" >>"$LAB/$set.rounds"
		done
	done
}
column() { median $(awk -v c="$2" '{ print $c }' "$LAB/$1.rounds"); }
share() { awk "BEGIN { printf \"%.3f\", $1 / $2 }"; }
# speed_kept - of the medians so far
speed_kept() { share "$(column many 1)" "$(column one 1)"; }

lab_need wg iperf3
programs
lab_up open open
umask 077
keys
for n in a b; do up $n one; done
for n in a b; do check "$n with one peer answers" wait_for 20 status_of $n one; done
start=$(now_ms)
up a many
check "a with $PEERS peers answers" wait_for 60 status_of a many
figure start_answers "$(($(now_ms) - start))" ms
figure start_cpu "$(cpu_ms a many)" ms
check "a has all routes" wait_for 60 routed a many $(((PEERS - 1) * ROUTES + 1))
figure start_routes "$(($(now_ms) - start))" ms
up b many
check "b has all routes" wait_for 60 routed b many $(((PEERS - 1) * ROUTES + 1))
for set in one many; do check "a reaches b, $set" wait_for 20 reaches a $set; done
[ $FAILS = 0 ] || finish
start=$(now_ms)
size=$(status_of a many | wc -c)
figure status_json "$size" octets
figure status_json_took $(($(now_ms) - start)) ms
for set in one many; do
	iperf_serve b "${NET[$set]}.2" "${IPERF[$set]}"
	stream $set
done
rounds
for _ in 1 2; do num "$(speed_kept) >= 0.97" || rounds; done
figure tcp_one_peer "$(column one 1)" Gbit/s
figure tcp_many_peers "$(column many 1)" Gbit/s
figure cpu_one_peer "$(column one 2)" "ms/GB"
figure cpu_many_peers "$(column many 2)" "ms/GB"
check_ge speed_kept "$(speed_kept)" "of one peer's" "$KEPT"
figure memory_one_peer "$(memory a one)" KiB
figure memory_many_peers "$(memory a many)" KiB
figure octets_a_peer $((($(memory a many) - $(memory a one)) * 1024 / PEERS)) octets
before=$(cpu_ms a many)
sleep 3
figure idle_cpu $(($(cpu_ms a many) - before)) "ms in 3 s"
start=$(now_ms)
stop a many
figure stop $(($(now_ms) - start)) ms
check "all routes are gone" test "$(ip -n "${LAB_PREFIX}a" route | wc -l)" -lt 10
finish
