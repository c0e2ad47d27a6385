#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# handshake_storm.sh - a thousand known peers begin handshakes with one node at once: what
# another peer's packets feel of it
#
# PEERS=1000; one storm after a rest, to its end, then RUNS=5 of a second each. P99_MS=5 is
# what is aimed at, and holds on a machine that does nothing else: the peers of the storm
# share its cores.
. "$(dirname "$0")/lib.sh"

PEERS=${PEERS:-1000} RUNS=${RUNS:-5} P99_MS=${P99_MS:-25}
NET=11.3
declare -A AT=([a]=10.77.0.1 [b]=10.77.0.2)

# configure HOST - the other as a peer; b has the storm's, too
configure() {
	local other=${OTHER[$1]}
	{
		printf '[Interface]\nPrivateKey = %s\nAddress = %s/24\nListenPort = 24100\n' \
			"$(cat "$LAB/$1/key")" "${AT[$1]}"
		printf '[Peer]\nPublicKey = %s\nAllowedIPs = %s/32\nEndpoint = %s.2:24100\n' \
			"$(cat "$LAB/$other/pub")" "${AT[$other]}" "${OPEN_NET[$other]}"
		[ "$1" = a ] || "$STORM" peers "$PEERS" 10.78
	} >"$LAB/$1/wg.conf"
}
up() {
	spawn "$1" aditd "$ADITD" --config "$LAB/$1/wg.conf" --state "$LAB/$1/state" \
		--socket "$LAB/$1/adit.sock" --tun "adit-$1" --log-level "${LOG_LEVEL:-info}"
}
reaches() { ns a ping -q -c 1 -W 1 "${AT[b]}" >/dev/null; }
# pings_for SECONDS FILE - 200 a second; FILE gets the round trips in ms, FILE.lost a number
pings_for() {
	ns a ping -n -i 0.005 -w "$1" "${AT[b]}" >"$2.log"
	sed -n 's/.*time=\([0-9.]*\) ms/\1/p' "$2.log" >"$2"
	awk '/ packets transmitted/ { print $1 - $4 }' "$2.log" >"$2.lost"
}
# percentile FILE P
percentile() { sort -g "$1" | awk -v p="$2" '{ v[NR] = $1 } END { print NR ? v[int((NR - 1) * p / 100) + 1] : "none" }'; }
# storm_for SECONDS sessions|ms - that field of its report
storm_for() {
	ns srv "$STORM" run "$PEERS" $NET "${OPEN_NET[b]}.2" 24100 "$(cat "$LAB/b/pub")" "$1" |
		awk -v ms="$2" '{ print ms == "ms" ? $4 : $1 }'
}
cpu_ms() { awk '{ print ($14 + $15) * 10 }' <(sed 's/^.*) /0 0 /' "/proc/$(pid_of "$1" aditd)/stat"); }

lab_need wg
programs
STORM=${ADIT_BIN:-$ROOT/build}/tests/tools/handshake_storm
[ -x "$STORM" ] || die "$STORM is not built: meson configure -Dtests=true"
lab_up open open
umask 077
for n in a b; do wg genkey >"$LAB/$n/key" && wg pubkey <"$LAB/$n/key" >"$LAB/$n/pub"; done
for n in a b; do configure $n && up $n; done
ip -n "${LAB_PREFIX}srv" route add local $NET.0.0/16 dev lo
ip -n "${LAB_PREFIX}inet" route add $NET.0.0/16 via "$SRV"
check "a reaches b" wait_for 20 reaches
pings_for 2 "$LAB/quiet"
before=$(cpu_ms b)
took=$(storm_for 30 ms)
figure storm_of_all_took "$took" ms
figure storm_of_all_cpu $(($(cpu_ms b) - before)) ms
for ((i = 0; i < RUNS; i++)); do
	pings_for 1 "$LAB/storm.$i" &
	pings=$!
	made+=("$(storm_for 1 sessions)")
	wait $pings
done
cat "$LAB"/storm.? >"$LAB/storm"
check_ge handshakes_in_a_second "$(median "${made[@]}")" "of $PEERS" 400
figure ping_p50_quiet "$(percentile "$LAB/quiet" 50)" ms
figure ping_p50_in_storm "$(percentile "$LAB/storm" 50)" ms
check_ge pings "$(wc -l <"$LAB/storm")" answered $((RUNS * 50))
check_le pings_lost "$(awk '{ n += $1 } END { print n }' "$LAB"/storm.?.lost)" packets "$RUNS"
check_le ping_p99_in_storm "$(percentile "$LAB/storm" 99)" ms "$P99_MS"
finish
