#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# relay_operator.sh - what the operator of a relay sees, and may change while it runs
#
# adit-relay on srv, clients on inet: status as text and JSON, the page for Prometheus,
# a certificate replaced (SIGHUP), a bad one refused, a rule that lets nobody in any more
# and is taken back, a quota; the month's count after a restart.
. "$(dirname "$0")/lib.sh"

bin=${ADIT_BIN:-$ROOT/build}
RELAY_PROGRAM=${ADIT_RELAY:-$bin/relay/adit-relay} BENCH=$bin/tests/bench
STATE= CONF=

relay_run() {
	spawn srv relay "$RELAY_PROGRAM" --config "$CONF" --state "$STATE" --listen $SRV:443
	wait_for 5 relay_status >/dev/null || { lab_logs; die "adit-relay does not start"; }
}
relay_status() { ns srv "$RELAY_PROGRAM" status --state "$STATE" "$@"; }
figure_of() { relay_status --json | jq -r "$1"; }
figure_is() { [ "$(figure_of "$1")" = "$2" ]; }
hangup() { kill -HUP "$(pid_of srv relay)"; }
said() { grep -q "$1" "$LAB/srv/relay.log"; }
load() { # NAME KIND PAIRS SECONDS
	spawn inet "$1" "$BENCH/relay_load" "$2" $SRV:3478 11.64.0.1 "$3" "$4" \
		"$(pid_of srv relay)" "$LAB/keys" "$RELAY_KEY"
}
ready() { grep -q '^ready' "$LAB/inet/$1.log"; }
num_of() { num "$(figure_of "$1") > 0"; }
certificate() {
	ns inet timeout 5 openssl s_client -connect $SRV:443 </dev/null 2>/dev/null |
		openssl x509 -noout -subject 2>/dev/null
}
certificate_is() { [[ $(certificate) == *"$1"* ]]; }
make_certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj "/CN=$1" -keyout "$STATE/key.pem" -out "$STATE/cert.pem" 2>/dev/null
}

lab_need openssl curl
for p in "$RELAY_PROGRAM" "$BENCH/relay_load"; do
	[ -x "$p" ] || die "$p is not built: meson setup build && ninja -C build, or set ADIT_BIN"
done
lab_up
ns inet ip route add local 11.64.0.0/10 dev lo
STATE=$LAB/srv/relay-state CONF=$LAB/srv/relay.conf
COORD_KEY=$("$BENCH/relay_load" keys "$LAB/keys")
echo "coord-key = $COORD_KEY" >"$CONF"
check "without a relay, status says where it asked" grep -q 'nothing answers at .*status.sock' \
	<("$RELAY_PROGRAM" status --state "$LAB/none" 2>&1)
relay_run
RELAY_KEY=$(sed -n 's/^public key \([^ ]*\) .*/\1/p' "$LAB/srv/relay.log")

say "# status"
load first idle 5 4
check "ten clients register" wait_for 10 ready first
check "status counts them" wait_for 3 figure_is .clients 10
check "status is for people too" grep -q '^nodes registered  *10$' <(relay_status)
check "its JSON names every reason of a drop" num "$(figure_of '.drops | length') > 50"
check "Prometheus gets the same" bash -c \
	"ip netns exec ${LAB_PREFIX}srv curl -s --unix-socket $STATE/status.sock http://relay/metrics | grep -q '^adit_relay_clients 10$'"

say "# the certificate"
check "the first is self-signed" certificate_is adit
make_certificate replaced.example
hangup
check "SIGHUP takes a new one" wait_for 5 certificate_is replaced.example
echo rubbish >"$STATE/cert.pem"
hangup
check "a bad one is refused, in a line that names the file" wait_for 5 said 'certificate stays as it was.*cert.pem'
check "and the one before stays" certificate_is replaced.example
make_certificate again.example
hangup
check "a good one is taken again" wait_for 5 certificate_is again.example

say "# rules"
load second idle 5 60
check "clients register" wait_for 10 ready second
echo "allow-from = 192.0.2.0/24" >>"$CONF"
hangup
check "who is not let in any more, goes" wait_for 5 figure_is .clients 0
check "and is refused, counted" wait_for 30 num_of .drops.relay_rule
sed -i '/allow-from/d' "$CONF"
hangup
check "let in, they come back by themselves" wait_for 40 figure_is .clients 10
echo "node-rate = fast" >>"$CONF"
hangup
check "a mistake in the file changes nothing, and is named with its line" \
	wait_for 5 said 'relay.conf:2: node-rate'
sed -i '/node-rate/d' "$CONF"

say "# a quota"
stop inet second
load flow adit 1 1
wait_for 20 gone inet flow
carried=$(figure_of .month_bytes)
check "what was carried is counted" num "$carried > 1000000"
stop srv relay
relay_run
check "and still after a restart" num "$(figure_of .month_bytes) >= $carried"
stop srv relay
echo "quota = 1" >>"$CONF"
echo "$(((10#$(date -u +%Y) - 1970) * 12 + 10#$(date -u +%m) - 1)) 999900000" >"$STATE/month"
relay_run
load flow2 adit 1 2
check "above the quota of a month, 1 GB, clients go" wait_for 30 num_of .drops.relay_quota
check "and none is left" wait_for 10 figure_is .clients 0
check "the relay lives" alive srv relay
finish
