#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# iperf.sh - TCP over the direct path against the distribution's wireguard-go, interleaved
#
# ROUNDS=3 rounds of SECONDS_EACH=3 s each; same hosts, same NATs, same minute.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/workloads.sh"

ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-3}

wg_pair() {
	local n
	for n in a b; do
		wg genkey | (umask 077; tee "$LAB/$n/wg.key") | wg pubkey >"$LAB/$n/wg.pub"
		wg_start $n
	done
	wg_peer a b ${WAN[r2]} 10.77.0.1 10.77.0.2
	wg_peer b a ${WAN[r1]} 10.77.0.2 10.77.0.1
	for n in a b; do not_through_wg $n; done
	wait_for 20 ns a ping -q -c 1 -W 1 10.77.0.2
}
# not_through_wg HOST - adit would find the other tunnel's addresses, and use them
not_through_wg() {
	ns "$1" nft -f - <<N
table inet apart {
	chain out {
		type filter hook output priority filter; policy accept;
		oifname "wg$1$$" udp sport 24100 drop
	}
}
N
}
wg_start() {
	spawn "$1" wg wireguard-go -f "wg$1$$"
	echo "wg$1$$" >>"$LAB/wg-sockets"
	wait_for 5 ns "$1" wg show "wg$1$$" || die "wireguard-go does not start"
}
wg_peer() {
	ns "$1" wg set "wg$1$$" private-key "$LAB/$1/wg.key" listen-port 25100 \
		peer "$(cat "$LAB/$2/wg.pub")" endpoint "$3:25100" allowed-ips "$5/32" \
		persistent-keepalive 1
	ip -n "$LAB_PREFIX$1" addr add "$4/24" dev "wg$1$$"
	ip -n "$LAB_PREFIX$1" link set "wg$1$$" mtu 1420 up
}

lab_need wireguard-go wg iperf3
programs
lab_up
check "wireguard-go's tunnel is up" wg_pair
iperf_serve b 10.77.0.2 5202
coord_start
for n in a b; do node_start $n; done
for n in a b; do node_join $n; done
IP_A=$(overlay a) IP_B=$(overlay b)
check "adit's path is direct" go_direct 20
iperf_serve b "$IP_B" 5201
ours=() theirs=()
for ((i = 0; i < ROUNDS; i++)); do
	ours+=("$(iperf_gbps a "$IP_B" "$SECONDS_EACH" 5201)")
	theirs+=("$(iperf_gbps a 10.77.0.2 "$SECONDS_EACH" 5202)")
	say "round $((i + 1)): adit ${ours[-1]} Gbit/s, wireguard-go ${theirs[-1]} Gbit/s"
done
check "the path was direct to the end" paths_are direct
adit_gbps=$(median "${ours[@]}") wg_gbps=$(median "${theirs[@]}")
figure iperf3_tcp_adit "$adit_gbps" Gbit/s
figure iperf3_tcp_wireguard_go "$wg_gbps" Gbit/s
check_ge iperf3_ratio "$(awk "BEGIN { printf \"%.2f\", $adit_gbps / $wg_gbps }" 2>/dev/null)" times 3
finish
