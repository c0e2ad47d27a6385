#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# mapping_lifetime.sh - a NAT that forgets idle mappings after 15 s: measured, and kept open
#
# The usual 20 s between packets on an idle path are too long there. SLOW=1 waits for the path to
# be idle (two minutes after its traffic) and for one minute more: it is still there for the
# other side, whose packet comes first.
. "$(dirname "$0")/lib.sh"

idle() { adit "$1" netcheck --json | jq -r ".ipv4.$2 // 0"; }
idle_known() { [ "$(idle a idle_dead_s)" != 0 ]; }
# short_lived ROUTER SECONDS
short_lived() {
	ns "$1" sysctl -qw net.netfilter.nf_conntrack_udp_timeout="$2" \
		net.netfilter.nf_conntrack_udp_timeout_stream="$2" ||
		skip "this kernel's NAT has no timeouts of a namespace"
}
# asked HOST SECONDS - packets to the other one's router meanwhile
asked() {
	ns "$1" nft -f - <<'N'
table inet asked {
	counter peer { }
	chain out {
		type filter hook output priority filter; policy accept;
		udp sport 24100 udp dport 24100 counter name peer
	}
}
N
	sleep "$2"
	ns "$1" nft -j list counter inet asked peer | jq '.nftables[] | .counter // empty | .packets'
}

lab_need
programs
lab_up home home
short_lived r1 15
coord_start
node_start a
node_start b
start=$(now_ms)
node_join a
node_join b
IP_A=$(overlay a) IP_B=$(overlay b)
check "the path is direct" go_direct 15
check "a knows how long its NAT keeps idle mappings" wait_for 45 idle_known
figure measured_after $(($(now_ms) - start)) ms
check_ge alive_after "$(idle a idle_alive_s)" s 10
check_le dead_after "$(idle a idle_dead_s)" s 20
check_le keepalive "$(idle a keepalive_s)" s 10
if [ -n "${SLOW:-}" ]; then
	sleep 125
	n=$(asked a 60)
	figure packets_in_an_idle_minute "$n" packets
	check "a asks six times a minute, with b's answers" num "$n <= 14"
	check "b reaches a at once" pings b
	check "and directly" paths_are direct
	ns r1 conntrack -L -p udp 2>/dev/null | grep -q 'sport=24100 dport=24100.*ASSURED'
	check "the mapping stands" [ $? = 0 ]
fi
finish
