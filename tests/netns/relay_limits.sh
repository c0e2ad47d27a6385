#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# relay_limits.sh - what clients cost a relay, and what bad ones can do to it
#
# adit-relay on srv; all clients on inet, one hop away. Memory of an idle client over UDP
# and over TLS; one that stops reading beside one that does not; strangers from spoofed
# sources while others register. SLOW=1: 10,000 and 2,000 clients, 1,000,000 sources.
. "$(dirname "$0")/lib.sh"

bin=${ADIT_BIN:-$ROOT/build}
RELAY_PROGRAM=${ADIT_RELAY:-$bin/relay/adit-relay} BENCH=$bin/tests/bench
UDP_CLIENTS=2000 TLS_CLIENTS=300 SOURCES=200000
[ -z "${SLOW:-}" ] || UDP_CLIENTS=10000 TLS_CLIENTS=2000 SOURCES=1000000

relay_start() {
	spawn srv relay "$RELAY_PROGRAM" --coord-key "$COORD_KEY" --state "$LAB/srv/relay-state" \
		--listen $SRV:443 --udp-port 3478 --metrics "$LAB/srv/metrics.sock" "$@"
	wait_for 5 grep -q '^public key' "$LAB/srv/relay.log" || { lab_logs; die "adit-relay does not start"; }
	RELAY_KEY=$(sed -n 's/^public key \([^ ]*\) .*/\1/p' "$LAB/srv/relay.log" | tail -n 1)
}
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(pid_of srv relay)/status"; }
# sockets - KiB of the kernel's buffers for the relay's TCP connections
sockets() {
	ns srv ss -Htnm 'sport = :443' |
		sed -n 's/.*skmem:(r\([0-9]*\),rb[0-9]*,t[0-9]*,tb[0-9]*,f\([0-9]*\),w\([0-9]*\),.*/\1 \2 \3/p' |
		awk '{ n += $1 + $2 + $3 } END { printf "%d", n / 1024 }'
}
settled() { sleep 0.3; rss; }
said() { grep -q "^$3" "$LAB/$1/$2.log"; }
said_field() { sed -n "s/^$3 \([^ ]*\).*/\1/p" "$LAB/$1/$2.log" | tail -n 1; }
streams() { # NAME MODE NUMBER - clients over TLS
	spawn inet "$1" "$BENCH/relay_streams" "$2" https://$SRV "$LAB/keys" "$RELAY_KEY" ${3:-}
}
load() { # NAME KIND NUMBER SECONDS MORE... - clients over UDP
	spawn inet "$1" "$BENCH/relay_load" "$2" $SRV:3478 11.64.0.1 $3 $4 0 "$LAB/keys" "$RELAY_KEY" "${@:5}"
}

udp_idle() {
	local before after
	load warm idle 10 1
	wait_for 20 gone inet warm
	before=$(settled)
	load idle idle $((UDP_CLIENTS / 2)) 600
	check "$UDP_CLIENTS clients over UDP register" wait_for 70 said inet idle ready
	after=$(settled)
	check_le idle_udp_client "$(awk "BEGIN { printf \"%.2f\", ($after - $before) / $UDP_CLIENTS }")" KiB 2
}
tls_idle() {
	local before after
	streams warm-tls idle 10
	wait_for 20 said inet warm-tls ready
	before=$(($(settled) + $(sockets)))
	streams idle-tls idle $TLS_CLIENTS
	check "$TLS_CLIENTS clients over TLS register" wait_for 200 said inet idle-tls ready
	sleep 6 # queues that are not used give their memory back
	after=$(($(settled) + $(sockets)))
	check_le idle_tls_client "$(awk "BEGIN { printf \"%.1f\", ($after - $before) / $TLS_CLIENTS }")" KiB 40
	stop inet warm-tls
	stop inet idle-tls
}

# 200 datagrams a second to each of two clients over TLS; one of them is stopped
stalled_reader() {
	local before after lost sent
	streams sink1 sink
	streams sink2 sink
	wait_for 10 said inet sink1 key && wait_for 10 said inet sink2 key ||
		{ check "two clients over TLS register" false; return; }
	before=$(($(settled) + $(sockets)))
	load push push 200 1 "$(said_field inet sink1 key)" "$(said_field inet sink2 key)"
	wait_for 10 said inet push sent
	kill -STOP "$(cat "$LAB/inet/sink1.pid")"
	load push push 200 6 "$(said_field inet sink1 key)" "$(said_field inet sink2 key)"
	sleep 5.5
	after=$(($(rss) + $(sockets)))
	check_le stalled_client $((after - before)) KiB 256
	wait_for 10 gone inet push
	sent=$(awk '/^sent/ { n += $2 } END { print n }' "$LAB/inet/push.log")
	sleep 0.5
	kill -CONT "$(cat "$LAB/inet/sink1.pid")"
	stop inet sink2
	stop inet sink1
	lost=$(awk -v s="$sent" '/^got/ { printf "%.3f", 100 * (1 - $2 / s) }' "$LAB/inet/sink2.log")
	check_le loss_beside_stalled "$lost" % 1
}

spoofed() {
	local before after ms i
	load warm2 idle 1 1
	ns inet "$BENCH/spoof" $SRV:3478 11.128.0.1 20000 50000 >/dev/null
	before=$(settled)
	spawn inet spoof "$BENCH/spoof" $SRV:3478 11.129.0.1 $SOURCES 50000
	sleep 0.5
	ms=
	for i in 1 2 3 4 5; do
		load legit$i idle 1 1
		wait_for 10 said inet legit$i connected
		ms="$ms $(said_field inet legit$i connected)"
	done
	check "the flood went on meanwhile" alive inet spoof
	wait_for 60 gone inet spoof
	after=$(settled)
	figure spoofed "$(sed 's/^sent //' "$LAB/inet/spoof.log")" ''
	check_le growth_by_spoofed $((after - before)) KiB 1024
	check_le connect_beside_spoofed "$(median $ms)" ms 500
}

lab_need curl
for p in "$RELAY_PROGRAM" "$BENCH/relay_load" "$BENCH/relay_streams" "$BENCH/spoof"; do
	[ -x "$p" ] || die "$p is not built: meson setup build && ninja -C build, or set ADIT_BIN"
done
lab_up
ns inet ip route add local 11.64.0.0/10 dev lo
ns inet ip route add blackhole 11.128.0.0/9
ulimit -n "$(ulimit -Hn)"
COORD_KEY=$("$BENCH/relay_load" keys "$LAB/keys")
relay_start
udp_idle
spoofed
stop inet idle
tls_idle
stalled_reader
check "the relay lives" alive srv relay
finish
