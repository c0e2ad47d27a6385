#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# udp_blocked.sh - networks that let no UDP out, or nothing but an HTTP proxy
#
# a has no UDP: the first packet goes through within 2 s of up, over TLS to the relay,
# to b that uses UDP. UDP comes back: it is taken up again by itself. UDP is lost while
# traffic flows: the gap. Then a is behind a proxy that asks for a password, with no
# other way out: first packet within 3 s; and one sentence when the password is wrong.
. "$(dirname "$0")/lib.sh"

lab_need tinyproxy
connected() { [ "$(adit "$1" status --json | jq -r .coord.connected)" = true ]; }
transport() { peer_field a .path.transport; }
transport_is() { [ "$(transport)" = "$1" ]; }

# up_first HOST OPTION... - aditd starts anew; prints ms until the first answer
up_first() {
	local start end
	node_kill "$1" TERM
	start=$(now_ms)
	node_spawn "$@"
	end=$(first_answer "$1" 15)
	[ -n "$end" ] && echo $((end - start)) || echo never
}

adit_up home home
block_direct
check "traffic flows" wait_for 10 pings a

say "# no UDP"
nat_set a udp-blocked
ms=$(up_first a)
check_le first_packet_udp_blocked "$ms" ms 2000
check "the path is the relay, over TLS" transport_is tls
check "status says so of b's end too" wait_for 3 path_is b relay

say "# UDP comes back"
spawn a traffic ping -q -n -i 0.05 "$IP_B"
nat_set a home
start=$(now_ms)
check "UDP is taken up again by itself" wait_for 20 transport_is udp
figure udp_back $(($(now_ms) - start)) ms
stop a traffic

say "# UDP is lost under traffic, TLS works"
gaps=
for i in 1 2 3; do
	nat_set a home
	wait_for 25 transport_is udp || break
	probe_start a 8 50
	sleep 2
	nat_set a udp-blocked
	probe_wait a
	gaps="$gaps $(probe_field a longest_ms)"
done
check_le gap_udp_lost_p50 "$(median $gaps)" ms 1000
check_le gap_udp_lost_worst "$(worst $gaps)" ms 2000

say "# nothing but a proxy"
cat >"$LAB/r1/tinyproxy.conf" <<N
User nobody
Group nogroup
Port 3128
Listen 10.0.0.1
Allow 10.0.0.0/24
ConnectPort 443
BasicAuth u p
Timeout 600
N
spawn r1 tinyproxy tinyproxy -d -c "$LAB/r1/tinyproxy.conf"
nat_set a home
ns r1 nft add table inet block
ns r1 nft add chain inet block only '{ type filter hook forward priority -10; policy drop; }'
ms=$(https_proxy=http://u:p@10.0.0.1:3128 up_first a)
check_le first_packet_proxy "$ms" ms 3000
check "the path is the relay, over TLS" transport_is tls
check "the coordination server is reached through it" wait_for 5 connected a
node_kill a TERM
printf '[Node]\nProxy = http://10.0.0.1:3128\nProxyUser = u\nProxyPassword = p\n' >"$LAB/a/aditd.conf"
chmod 600 "$LAB/a/aditd.conf"
ms=$(up_first a --config "$LAB/a/aditd.conf")
check_le first_packet_proxy_configured "$ms" ms 3000
node_kill a TERM
https_proxy=http://u:wrong@10.0.0.1:3128 node_spawn a
LOG_LINES=6
check "a wrong password: one sentence says so" \
	wait_for 5 grep -q 'proxy 10.0.0.1:3128: .*(407)' "$LAB/a/aditd.log"
finish
