# SPDX-License-Identifier: MIT
#
# tunnels.sh - starts a tunnel of each kind between hosts a and b for scripts/bench
#
# tunnel_start NUMBER NAME sets TARGET, b's address inside, and returns when a's ping
# was answered. Each tunnel has the network 10.77.NUMBER.0/24 and ports that the kernel
# gives nobody: 20000 and 21000 + 2 * NUMBER for a and b, the next ones for their relay
# service, 22000 + NUMBER for the server. A program that is missing: status 1.

MTU=1420

# spawn HOST LOG COMMAND... - a daemon; counted pids go to $WORK/NUMBER.pids by keep
spawn() {
	local host=$1 log=$2
	shift 2
	ip netns exec "$PREFIX$host" "$@" >"$WORK/$log.log" 2>&1 </dev/null &
	PID=$!
	disown $PID
	PIDS+=($PID)
}
keep() { echo $PID >>"$WORK/$N.pids"; }
daemon() { spawn "$@" && keep; }
has() { command -v "$1" >/dev/null 2>&1; }
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
device() { wait_for 5 ip -n "$PREFIX$1" link show "$2"; }
devices() { device a "$1" && device b "$2"; }
addresses() { # DEVICE-A DEVICE-B
	devices "$1" "$2" || return 1
	ip -n "${PREFIX}a" addr add "10.77.$N.1/24" dev "$1" &&
		ip -n "${PREFIX}b" addr add "10.77.$N.2/24" dev "$2" &&
		ip -n "${PREFIX}a" link set "$1" mtu $MTU up &&
		ip -n "${PREFIX}b" link set "$2" mtu $MTU up
}
side() { [ "$1" = a ] && echo "$2" || echo "$3"; }

tunnel_start() {
	N=$1
	local kind=${2%%:*} arg=
	[[ $2 != *:* ]] || arg=${2#*:}
	PA=$((20000 + 2 * N)) PB=$((21000 + 2 * N)) PS=$((22000 + N))
	TARGET=10.77.$N.2
	: >"$WORK/$N.pids"
	"tunnel_${kind//-/_}" "$arg" || return 1
	wait_for 15 ns a ping -q -c 1 -W 1 "$TARGET"
}

tunnel_wire() { TARGET=$UB; [ "$TOPOLOGY" = direct ]; }

# --- adit -----------------------------------------------------------------------------

adit_keys() {
	local h
	for h in a b; do
		mkdir -p "$WORK/$N.$h"
		wg genkey | tee "$WORK/$N.$h/key" | wg pubkey >"$WORK/$N.$h/pub"
	done
}
adit_conf() { # HOST LAST-OCTET PORT OTHER OTHER-OCTET ENDPOINT AEAD
	cat >"$WORK/$N.$1/conf" <<C
[Interface]
PrivateKey = $(cat "$WORK/$N.$1/key")
Address = 10.77.$N.$2/24
ListenPort = $3
MTU = $MTU
${7:+Aead = $7}
Workers = ${BENCH_WORKERS:-1}
[Peer]
PublicKey = $(cat "$WORK/$N.$4/pub")
AllowedIPs = 10.77.$N.$5/32
${6:+Endpoint = $6}
PersistentKeepalive = 25
C
}
# tunnel_adit [AEAD] - both ends by configuration: WireGuard's ChaCha20-Poly1305
tunnel_adit() {
	local h
	! relayed || return 1
	adit_keys
	adit_conf a 1 $PA b 2 "$UB:$PB" "$1"
	adit_conf b 2 $PB a 1 "${UA:+$UA:$PA}" "$1"
	for h in b a; do
		daemon $h "$N.$h" "$ADITD" --config "$WORK/$N.$h/conf" --state "$WORK/$N.$h/state" \
			--socket "$WORK/$N.$h/sock" --tun "bench$N$h"
	done
	devices "bench${N}a" "bench${N}b"
}
# tunnel_adit_many PEERS,ROUTES - the same, and each end has that many more peers
# configured, with so many routes each, of which nothing is ever heard
tunnel_adit_many() {
	local h
	! relayed || return 1
	adit_keys
	adit_conf a 1 $PA b 2 "$UB:$PB" ''
	adit_conf b 2 $PB a 1 "${UA:+$UA:$PA}" ''
	for h in b a; do
		adit_crowd "${1%,*}" "${1#*,}" >>"$WORK/$N.$h/conf"
		daemon $h "$N.$h" "$ADITD" --config "$WORK/$N.$h/conf" --state "$WORK/$N.$h/state" \
			--socket "$WORK/$N.$h/sock" --tun "bench$N$h"
	done
	wait_for 60 grep -q 'up: ' "$WORK/$N.a.log" && wait_for 60 grep -q 'up: ' "$WORK/$N.b.log"
}
# adit_crowd PEERS ROUTES - [Peer] sections with random keys
adit_crowd() {
	head -c $((30 * $1)) /dev/urandom | base64 -w 40 | awk -v routes="$2" '{
		printf "[Peer]\nPublicKey = %sAAA=\nAllowedIPs = ", $0
		for (i = 0; i < routes; i++) {
			printf "%s%d.%d.%d.0/24", i ? ", " : "", 20 + int(n / 65536),
				int(n / 256) % 256, n % 256
			n++
		}
		print ""
	}'
}
# tunnel_adit_rules RULES - a network with a policy of so many rules, of which the last
# let iperf3 and ping through
tunnel_adit_rules() {
	tunnel_adit_mesh '' || return 1
	{
		awk -v n="$1" 'BEGIN { for (i = 2; i < n; i++)
			print "allow tag:t" i % 100 " to any on tcp:" 10000 + i * 5 % 50000 }'
		echo "allow any to any on tcp:5201"
		echo "allow any to any on udp:5201 icmp"
	} >"$WORK/$N.policy"
	ns $SERVERS "$ADIT_COORD" --admin-socket "$WORK/$N.admin" policy set "$WORK/$N.policy" >/dev/null &&
		wait_for 10 ns a ping -q -c 1 -W 1 "$TARGET"
}
# tunnel_adit_mesh [AEAD] - both ends in a network: AES-256-GCM, where both are fast at it
tunnel_adit_mesh() {
	local h invite coord=("$ADIT_COORD" --admin-socket "$WORK/$N.admin")
	local udp=$((22500 + 2 * N))
	spawn $SERVERS "$N.coord" "${coord[@]}" --state "$WORK/$N.coord" --listen "$US:$PS" \
		--url "https://$US:$PS" --udp-port $udp \
		--overlay-v4 "100.$((80 + N)).0.0/16"
	! relayed || echo $PID >"$WORK/$N.relay"
	wait_for 10 ns $SERVERS "${coord[@]}" nodes || return 1
	for h in b a; do
		mkdir -p "$WORK/$N.$h"
		printf '[Node]\nMTU = %s\n%s\nWorkers = %s\n' $MTU "${1:+Aead = $1}" \
			"${BENCH_WORKERS:-1}" >"$WORK/$N.$h/conf"
		daemon $h "$N.$h" "$ADITD" --config "$WORK/$N.$h/conf" --state "$WORK/$N.$h/state" \
			--socket "$WORK/$N.$h/sock" --tun "bench$N$h" --port "$(side $h $PA $PB)"
		invite=$(ns $SERVERS "${coord[@]}" invite) || return 1
		wait_for 5 ns $h "$ADIT" --socket "$WORK/$N.$h/sock" status || return 1
		ns $h "$ADIT" --socket "$WORK/$N.$h/sock" join "$invite" --hostname "bench$h" \
			--wait >/dev/null || return 1
	done
	TARGET=$(adit_status b '[.self.addresses[] | select(contains(":") | not)][0]' | sed 's,/.*,,')
	[ -n "$TARGET" ] || return 1
	wait_for 20 adit_path "$(relayed && echo relay || echo direct)"
}
adit_status() { ns "$1" "$ADIT" --socket "$WORK/$N.$1/sock" status --json | jq -r "$2 // empty"; }
adit_path() {
	ns a ping -q -c 3 -i 0.1 -W 1 "$TARGET" >/dev/null
	[ "$(adit_status a '.peers[0].path.kind')" = "$1" ] &&
		[ "$(adit_status b '.peers[0].path.kind')" = "$1" ]
}

# --- a forwarder without a protocol ---------------------------------------------------

tunnel_forwarder() {
	local to=-
	[ -z "$UA" ] || to=$UA:$PA
	! relayed || return 1
	# b does not know a behind a NAT
	daemon b "$N.b" "$FORWARDER" "bench${N}b" "0.0.0.0:$PB" "$to" $1
	daemon a "$N.a" "$FORWARDER" "bench${N}a" "0.0.0.0:$PA" "$UB:$PB" $1
	addresses "bench${N}a" "bench${N}b"
}

# --- WireGuard ------------------------------------------------------------------------

# tunnel_wg PROGRAM - an implementation that is started as PROGRAM -f DEVICE
tunnel_wg() {
	local h i
	! relayed && has "$1" && has wg || return 1
	adit_keys
	for h in a b; do
		i=w$$x$N$h
		WG_SOCKETS+=("/var/run/wireguard/$i.sock")
		daemon $h "$N.$h" "$1" -f "$i"
		device $h "$i" && wait_for 5 ns $h wg show "$i" || return 1
	done
	ns a wg set "w$$x${N}a" private-key "$WORK/$N.a/key" listen-port $PA \
		peer "$(cat "$WORK/$N.b/pub")" endpoint "$UB:$PB" allowed-ips 0.0.0.0/0 persistent-keepalive 25
	ns b wg set "w$$x${N}b" private-key "$WORK/$N.b/key" listen-port $PB \
		peer "$(cat "$WORK/$N.a/pub")" allowed-ips 0.0.0.0/0 ${UA:+endpoint "$UA:$PA"}
	addresses "w$$x${N}a" "w$$x${N}b"
}

# --- others ---------------------------------------------------------------------------

tunnel_nebula() {
	local h d=$WORK/$N.nebula
	has nebula && has nebula-cert || return 1
	mkdir -p "$d"
	(
		cd "$d" && nebula-cert ca -name bench && nebula-cert sign -name a -ip "10.77.$N.1/24" &&
			nebula-cert sign -name b -ip "10.77.$N.2/24" &&
			nebula-cert sign -name s -ip "10.77.$N.3/24"
	) >/dev/null 2>&1 || return 1
	if relayed; then
		nebula_conf s $PS true "" >"$d/s.yml"
		for h in a b; do
			nebula_conf $h "$(side $h $PA $PB)" false "\"10.77.$N.3\": [\"$US:$PS\"]" >"$d/$h.yml"
		done
		spawn s "$N.s" nebula -config "$d/s.yml"
		echo $PID >"$WORK/$N.relay"
	else
		nebula_conf b $PB true "" >"$d/b.yml"
		nebula_conf a $PA false "\"10.77.$N.2\": [\"$UB:$PB\"]" >"$d/a.yml"
	fi
	sleep 0.5
	daemon b "$N.b" nebula -config "$d/b.yml"
	sleep 0.5
	daemon a "$N.a" nebula -config "$d/a.yml"
	devices "bench${N}a" "bench${N}b"
}
nebula_conf() { # HOST PORT IS-LIGHTHOUSE STATIC-HOSTS
	local house=2 relay=
	if relayed; then
		house=3
		[ "$1" = s ] && relay="relay: {am_relay: true}" || relay="relay: {use_relays: true, relays: [10.77.$N.3]}"
	fi
	cat <<Y
pki: {ca: $WORK/$N.nebula/ca.crt, cert: $WORK/$N.nebula/$1.crt, key: $WORK/$N.nebula/$1.key}
static_host_map: {$4}
lighthouse: {am_lighthouse: $3, interval: 60, hosts: [$([ "$3" = true ] || echo "\"10.77.$N.$house\"")]}
listen: {host: 0.0.0.0, port: $2}
punchy: {punch: true}
cipher: aes
$relay
tun: {dev: bench$N$1, mtu: $MTU}
logging: {level: warning}
firewall: {outbound: [{port: any, proto: any, host: any}], inbound: [{port: any, proto: any, host: any}]}
Y
}

tunnel_fastd() { # METHOD
	local h
	! relayed && has fastd || return 1
	for h in a b; do
		fastd --machine-readable --generate-key >"$WORK/$N.fk$h" 2>/dev/null
		fastd --machine-readable --show-key --config - >"$WORK/$N.fp$h" 2>/dev/null \
			<<<"secret \"$(cat "$WORK/$N.fk$h")\";"
	done
	fastd_conf a $PA b "remote $UB:$PB;" "$1"
	fastd_conf b $PB a "float yes;" "$1"
	for h in b a; do
		daemon $h "$N.$h" fastd --config "$WORK/$N.fc$h"
	done
	addresses "bench${N}a" "bench${N}b"
}
fastd_conf() { # HOST PORT OTHER PEER-LINE METHOD
	cat >"$WORK/$N.fc$1" <<C
log level warn; mode tun; interface "bench$N$1"; bind 0.0.0.0:$2; method "$5"; mtu $MTU;
secret "$(cat "$WORK/$N.fk$1")"; forward no;
peer "$3" { key "$(cat "$WORK/$N.fp$3")"; $4 }
C
}

tunnel_openvpn() { # CIPHER
	local h fa fb p
	! relayed && has openvpn || return 1
	for h in a b; do
		p=$WORK/$N.ov$h
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
			-subj "/CN=$h" -keyout "$p.key" -out "$p.crt" 2>/dev/null || return 1
	done
	fa=$(openssl x509 -in "$WORK/$N.ova.crt" -noout -fingerprint -sha256 | cut -d = -f 2)
	fb=$(openssl x509 -in "$WORK/$N.ovb.crt" -noout -fingerprint -sha256 | cut -d = -f 2)
	set -- --dev-type tun --proto udp4 --tun-mtu $MTU --mssfix 0 --data-ciphers "$1" --disable-dco
	daemon b "$N.b" openvpn --dev "bench${N}b" "$@" --port $PB --tls-server --dh none \
		--cert "$WORK/$N.ovb.crt" --key "$WORK/$N.ovb.key" --peer-fingerprint "$fa" \
		--ifconfig "10.77.$N.2" "10.77.$N.1"
	sleep 0.3
	daemon a "$N.a" openvpn --dev "bench${N}a" "$@" --remote $UB $PB --lport $PA --tls-client \
		--cert "$WORK/$N.ova.crt" --key "$WORK/$N.ova.key" --peer-fingerprint "$fb" \
		--ifconfig "10.77.$N.1" "10.77.$N.2"
	devices "bench${N}a" "bench${N}b"
}

tunnel_tinc() {
	local h d
	! relayed && has tincd || return 1
	for h in a b; do
		d=$WORK/$N.$h
		mkdir -p "$d/hosts"
		openssl genrsa -traditional 2048 >"$d/rsa" 2>/dev/null
		{
			echo "Subnet = 10.77.$N.$(side $h 1 2)/32"
			[ $h = a ] || echo "Address = $UB $PB"
			openssl rsa -in "$d/rsa" -RSAPublicKey_out 2>/dev/null
		} >"$WORK/$N.host$h"
		{
			printf 'Name = %s\nInterface = %s\nMode = router\nAddressFamily = ipv4\n' $h "bench$N$h"
			printf 'Port = %s\nPrivateKeyFile = %s\n' "$(side $h $PA $PB)" "$d/rsa"
			[ $h = b ] || echo "ConnectTo = b"
		} >"$d/tinc.conf"
		printf '#!/bin/sh\nip addr add 10.77.%s.%s/24 dev $INTERFACE\nip link set $INTERFACE mtu %s up\n' \
			"$N" "$(side $h 1 2)" $MTU >"$d/tinc-up"
		chmod +x "$d/tinc-up"
	done
	for h in b a; do
		cp "$WORK/$N.hosta" "$WORK/$N.$h/hosts/a"
		cp "$WORK/$N.hostb" "$WORK/$N.$h/hosts/b"
		daemon $h "$N.$h" tincd -D -c "$WORK/$N.$h" --pidfile="$WORK/$N.$h/pid"
		sleep 0.3
	done
	devices "bench${N}a" "bench${N}b"
}

tunnel_n2n() {
	local h home=b
	has edge && has supernode || return 1
	! relayed || home=s
	spawn $home "$N.s" supernode -l $PS
	! relayed || echo $PID >"$WORK/$N.relay"
	sleep 0.3
	for h in b a; do
		daemon $h "$N.$h" edge -d "bench$N$h" -a "10.77.$N.$(side $h 1 2)" -s 255.255.255.0 \
			-c bench -k benchbench -l "$([ $home = s ] && echo "$US" || { [ $h = b ] && echo 127.0.0.1 || echo "$UB"; }):$PS" \
			-p "$(side $h $PA $PB)" -M 1400 -u 0 -g 0
	done
	devices "bench${N}a" "bench${N}b"
}
