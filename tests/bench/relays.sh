#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# relays.sh - adit-relay beside coturn and beside no protocol at all; scripts/bench relay
#
#   scripts/bench relay [--rounds N] [--seconds N] [--pairs "1 10 100 1000"]
#                       [--underlay "whole gro"] [--rows FILE] [--out FILE] [--no-install]
#
# Two namespaces and a wire: all clients in one, one relay at a time at work in the other,
# on the last core alone; the clients are one thread on the first. In each round every
# relay does every test, so that what disturbs one disturbs the others as well:
#
#   echo      no relay: a program at the relay's place answers at once; for its RTT alone
#   plain     what a relay costs at least: datagrams from A to B, no protocol
#   coturn    TURN over UDP, one allocation and a channel a pair; B is a plain peer
#   adit      UDP
#   adit-tls  frames in WebSocket in TLS, one pair
#
# Prints the medians of the rounds, without those that others disturbed, and what a core of
# the relay could carry by its CPU time, which others disturb least; --out FILE writes
# them there. 3 rounds of 1 s take about seven minutes, with the machine to itself.
# ADIT_BIN: as scripts/bench says.
. "$(dirname "$0")/../../scripts/lib.sh"
. "$ROOT/tests/bench/topology.sh"

ROUNDS=3 BENCH_SECONDS=1 PAIRS="1 10 100 1000" UNDERLAYS="whole gro" INSTALL=1 ROWS= OUT=
usage() { sed -n '5,23s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
	case $1 in
	--rounds) ROUNDS=$2 && shift ;;
	--seconds) BENCH_SECONDS=$2 && shift ;;
	--pairs) PAIRS=$2 && shift ;;
	--underlay) UNDERLAYS=$2 && shift ;;
	--rows) ROWS=$2 && shift ;;
	--out) OUT=$2 && shift ;;
	--no-install) INSTALL= ;;
	-h | --help) usage && exit 0 ;;
	*) usage >&2 && exit 2 ;;
	esac
	shift
done
need_root
[ -z "$INSTALL" ] || "$ROOT/scripts/install-deps" bench || die "packages are missing: see above"

PREFIX=aditrelay$$- HOSTS="c s" PIDS=()
BIN=${ADIT_BIN:-$ROOT/build-test/bench} BENCH=$BIN/tests/bench
WORK=$(mktemp -d "${TMPDIR:-/tmp}/adit-bench.XXXXXX") || die "no temporary directory"
: "${ROWS:=$WORK/rows.tsv}"
US=10.97.0.1 FIRST=10.97.1.0 CORE=$(($(nproc) - 1))
declare -A PORT=([plain]=5000 [coturn]=3500 [adit]=3478) KIND=([coturn]=turn) PID=()

end_all() {
	[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}" 2>/dev/null
	sleep 0.3
	[ ${#PIDS[@]} = 0 ] || kill -KILL "${PIDS[@]}" 2>/dev/null
	PIDS=()
	topology_down
}
on_exit rm -rf "$WORK"
on_exit end_all

# a network card's MTU; the clients have addresses of their own, 100 at each
wires() {
	local h
	LINKS=()
	for h in $HOSTS; do
		ip netns add "$PREFIX$h" && ip -n "$PREFIX$h" link set lo up || return 1
	done
	wire c eth0 10.97.0.2/16 s eth0 $US/16 && ns c ip route add local 10.97.1.0/24 dev lo &&
		underlay "$UNDERLAY"
}
start() { # NAME COMMAND... - at the relay's place
	local name=$1
	shift
	(cd "$WORK" && exec ip netns exec "${PREFIX}s" taskset -c $CORE "$@") \
		>"$WORK/$name.log" 2>&1 </dev/null &
	PID[$name]=$!
	PIDS+=($!)
}
wait_said() { # FILE PATTERN
	local i
	for i in {1..100}; do
		grep -q "$2" "$1" && return
		sleep 0.05
	done
	return 1
}
start_relays() {
	local key
	key=$("$BENCH/relay_load" keys "$WORK/keys")
	start adit "$BIN/relay/adit-relay" --coord-key "$key" --state "$WORK/state" \
		--listen $US:443 --udp-port ${PORT[adit]} --node-rate 100000
	start plain "$BENCH/plain_relay" $US:${PORT[plain]}
	start coturn turnserver -n --no-auth --no-tls --no-dtls --no-cli -m 1 -L $US -E $US \
		-p ${PORT[coturn]} --log-file stdout --pidfile "$WORK/turn.pid" \
		--userdb "$WORK/turndb"
	wait_said "$WORK/adit.log" '^public key' || die "adit-relay does not start: $(cat "$WORK/adit.log")"
	RELAY_KEY=$(sed -n 's/^public key \([^ ]*\) .*/\1/p' "$WORK/adit.log")
	wait_said "$WORK/coturn.log" 'DB connection success' || die "coturn does not start: $(tail -n 3 "$WORK/coturn.log")"
}

# row RELAY PAIRS - the tests' lines behind it
row() { sed "s/^/$UNDERLAY $ROUND $1 $2 /" | tr ' ' '\t' >>"$ROWS"; }
load() { # RELAY PAIRS SECONDS
	local relay=$1 at=$1 kind=${KIND[$1]:-$1}
	[ "$relay" != echo ] || at=plain
	ns c timeout $((4 * BENCH_SECONDS + 60)) taskset -c 0 "$BENCH/relay_load" "$kind" $US:${PORT[$at]} $FIRST "$2" "$3" "${PID[$at]}" \
		"$WORK/keys" "$RELAY_KEY" 2>>"$WORK/errors" | row "$relay" "$2" ||
		warn "$relay with $2 pairs: $(tail -n 1 "$WORK/errors")"
}
tls() {
	ns c timeout $((4 * BENCH_SECONDS + 60)) taskset -c 0 "$BENCH/relay_streams" flood https://$US "$WORK/keys" "$RELAY_KEY" \
		"$BENCH_SECONDS" "${PID[adit]}" 2>>"$WORK/errors" | row adit-tls 1 ||
		warn "adit over TLS: $(tail -n 1 "$WORK/errors")"
}
one_round() {
	local n r
	load echo 1 "$BENCH_SECONDS"
	for n in $PAIRS; do
		for r in plain coturn adit; do load $r "$n" "$BENCH_SECONDS"; done
	done
	tls
	say "      $UNDERLAY: round $ROUND of $ROUNDS ($SECONDS s)"
}
one_underlay() {
	UNDERLAY=$1
	wires || die "the namespaces do not come up"
	start_relays
	ROUND=0 # memory: programs that have done nothing yet
	for r in coturn adit; do load $r 1000 0; done
	for ((ROUND = 1; ROUND <= ROUNDS; ROUND++)); do one_round; done
	end_all
}

if [ -z "${ADIT_BIN:-}" ]; then
	[ -f "$BIN/build.ninja" ] || logged "configure" "$WORK/setup.log" meson setup "$BIN" "$ROOT" || exit 1
	logged "build" "$WORK/build.log" ninja -C "$BIN" || exit 1
fi
for p in "$BIN/relay/adit-relay" "$BENCH/relay_load" "$BENCH/relay_streams" "$BENCH/plain_relay"; do
	[ -x "$p" ] || die "$p is not built: meson setup $BIN && ninja -C $BIN, or set ADIT_BIN"
done
ulimit -n "$(ulimit -Hn)"
: >"$ROWS"
for u in $UNDERLAYS; do one_underlay "$u"; done
python3 "$ROOT/tests/bench/relays.py" "$ROWS" >"$WORK/out.md" || die "nothing was measured"
cat "$WORK/out.md"
[ -z "$OUT" ] || cp "$WORK/out.md" "$OUT"
