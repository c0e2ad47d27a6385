#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# relay_bad_input.sh - what a relay gets over TLS that is no client, and proxies that refuse
#
# adit-relay on srv beside the coordination server: no TLS, silence, rubbish, heads that
# never end, other paths and names, broken WebSocket; each comes to an end by itself and is
# counted, and a crowd of slow ones keeps no client out. Then a node behind proxies that
# answer 407, 403, 500 and nothing, and on networks whose login page, filter or other
# service answers in place of the server, with TLS and without: one line that says so.
. "$(dirname "$0")/lib.sh"

bin=${ADIT_BIN:-$ROOT/build}
RELAY_PROGRAM=${ADIT_RELAY:-$bin/relay/adit-relay} BENCH=$bin/tests/bench
BAD=$ROOT/tests/tools/badstream.py CROWD=300

relay_status() { ns srv "$RELAY_PROGRAM" status --state "$LAB/srv/relay-state" --json; }
figure_of() { relay_status | jq -r "$1"; }
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(pid_of srv relay)/status"; }
# ended KIND SECONDS PATTERN - within the time, with this answer
ended() {
	local kind took answer
	read -r kind took answer < <(grep "^$1 " "$LAB/inet/bad.log")
	check "$1: ${answer:-no end} after ${took:-30} s" took_at_most "${took:-never}" "$2" "$answer" "$3"
}
took_at_most() { num "$1 <= $2" && [[ $3 =~ $4 ]]; }
ready() { grep -q '^ready' "$LAB/inet/$1.log"; }
clients() { # NAME NUMBER
	spawn inet "$1" "$BENCH/relay_streams" idle https://$SRV:8443 "$LAB/keys" "$RELAY_KEY" "$2"
}

streams() {
	local before
	clients warm 1
	wait_for 10 ready warm && stop inet warm
	before=$(rss)
	spawn inet bad /usr/bin/python3 "$BAD" $SRV 8443
	spawn inet crowd /usr/bin/python3 "$BAD" $SRV 8443 $(yes silent | head -n $((CROWD / 2))) \
		$(yes slow-head | head -n $((CROWD / 2)))
	sleep 1
	clients legit 3
	check "clients register beside $CROWD connections that say nothing or little" wait_for 5 ready legit
	check_le growth_by_crowd $(($(rss) - before)) KiB $((CROWD * 64))
}
streams_end() {
	local kind
	check "all bad connections end by themselves" wait_for 40 gone inet bad
	ended no-tls 3 '^closed$'
	for kind in silent silent-tls; do ended $kind 13 '^closed$'; done
	for kind in half-head slow-head; do ended $kind 13 '^closed$'; done
	for kind in rubbish long-head; do ended $kind 5 '^HTTP/1.1 400'; done
	ended other-path 5 '^HTTP/1.1 404'
	for kind in no-upgrade post; do ended $kind 5 '^HTTP/1.1 4'; done
	for kind in unmasked huge-frame bad-opcode; do ended $kind 5 'closed$'; done
	for kind in other-name bad-bundle unregistered; do ended $kind 25 '^HTTP/1.1 101.*closed$'; done
	# a slow head may break off in the middle of a TLS record: it asked wrong, then
	check "those that never asked are counted" num "$(figure_of .refused_streams.late) >= $((CROWD * 9 / 10))"
	check "each connection is counted once" \
		num "$(figure_of '.refused_streams | .late + .bad') >= $((CROWD + 7))"
	check "those that asked wrong are counted" num "$(figure_of .refused_streams.bad) >= 5"
	check "those that never registered are counted" num "$(figure_of .refused_streams.unregistered) >= 2"
	check "frames that break their message are counted" num "$(figure_of .drops.bad_length) >= 1"
	check "clients are still there" test "$(figure_of .clients)" = 3
	check "the relay lives" alive srv relay
}

# refusal STATUS PATTERN - a proxy that answers so; one line of the node's log says it
refusal() {
	local port=$((3100 + $1))
	spawn r1 proxy$1 /usr/bin/python3 "$BAD" proxy 10.0.0.1 $port "$1"
	wait_for 5 proxy_listens $port
	: >"$LAB/a/aditd.log"
	https_proxy=http://10.0.0.1:$port node_spawn a
	check "a proxy that answers ${1/#0/nothing}: one line says so" \
		wait_for 15 grep -q "proxy 10.0.0.1:$port: .*$2" "$LAB/a/aditd.log"
	check "  and no second one" test "$(grep -c "coordination.*proxy 10.0.0.1:$port" "$LAB/a/aditd.log")" -le 1
	node_kill a TERM
	stop r1 proxy$1
}
proxy_listens() { ns r1 ss -Hltn "sport = :$1" | grep -q .; }

# replaced PAGE TLS PATTERN - r1 answers whatever a asks on port 443; one line says so
replaced() {
	local certificate=()
	[ "$2" = plain ] || certificate=("$LAB/r1/cert.pem" "$LAB/r1/key.pem")
	spawn r1 "portal-$1-$2" /usr/bin/python3 "$BAD" portal 10.0.0.1 443 "$1" "${certificate[@]}"
	wait_for 5 proxy_listens 443
	: >"$LAB/a/aditd.log"
	node_spawn a
	check "$1, $2, in place of the server: one line says so" \
		wait_for 15 grep -q "coordination server: .*$3" "$LAB/a/aditd.log"
	check "  and no second one" test "$(grep -c "warn: coordination" "$LAB/a/aditd.log")" -le 1
	check "  status says it, too" bash -c "$(printf '%q ' ip netns exec ${LAB_PREFIX}a "$ADIT" --socket "$LAB/a/adit.sock" status) | grep -q 'cannot reach.*$3'"
	node_kill a TERM
	stop r1 "portal-$1-$2"
}
portals() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=login \
		-keyout "$LAB/r1/key.pem" -out "$LAB/r1/cert.pem" 2>/dev/null || die "openssl makes no certificate"
	ns r1 nft add table ip portal
	ns r1 nft add chain ip portal pre '{ type nat hook prerouting priority dstnat; }'
	ns r1 nft add rule ip portal pre iifname lan tcp dport 443 redirect
	replaced 302 plain "not TLS"
	replaced 200 plain "not TLS"
	replaced rubbish plain "not TLS"
	replaced no-such-name plain "no such name"
	replaced 302 tls "asking for a login"
	replaced 200 tls "asking for a login"
	replaced 403 tls "(403 or the like)"
	replaced 407 tls "(403 or the like)"
	replaced 500 tls "(5xx)"
	replaced 404 tls "no WebSocket"
	replaced endless tls "not HTTP"
	replaced rubbish tls "not HTTP"
}

lab_need openssl
for p in "$RELAY_PROGRAM" "$BENCH/relay_load" "$BENCH/relay_streams"; do
	[ -x "$p" ] || die "$p is not built: meson setup build && ninja -C build, or set ADIT_BIN"
done
adit_up home home
COORD_KEY=$("$BENCH/relay_load" keys "$LAB/keys")
spawn srv relay "$RELAY_PROGRAM" --coord-key "$COORD_KEY" --state "$LAB/srv/relay-state" \
	--listen $SRV:8443 --udp-port 3578
wait_for 5 relay_status || { lab_logs; die "adit-relay does not start"; }
RELAY_KEY=$(sed -n 's/^public key \([^ ]*\) .*/\1/p' "$LAB/srv/relay.log")
streams

say "# proxies that refuse"
node_kill a TERM
ns r1 nft add table inet block
ns r1 nft add chain inet block only '{ type filter hook forward priority -10; policy drop; }'
refusal 407 407
refusal 403 403
refusal 500 5xx
refusal 0 .

say "# networks whose own page answers"
portals

say "# what became of the bad connections"
streams_end
finish
