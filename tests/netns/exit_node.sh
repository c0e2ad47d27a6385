#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# exit_node.sh - all of a's traffic through b: approval, loops, the LAN, crash and end
#
#   a (behind r1) ... b (behind r2) --- 192.168.88.0/24 (private, near b)
#                  web 11.8.0.2 (in the internet): says who asks
. "$(dirname "$0")/lib.sh"

WEB=11.8.0.2
exit_wire() {
	local n
	for n in web near; do
		ip netns add $LAB_PREFIX$n && ip -n $LAB_PREFIX$n link set lo up || return 1
		mkdir -p "$LAB/$n"
	done
	link web eth0 $WEB/24 inet toweb 11.8.0.1/24 && gateway web 11.8.0.1 &&
		link b near0 192.168.88.1/24 near eth0 192.168.88.10/24 && gateway near 192.168.88.1 || return 1
	cat >"$LAB/web/who.py" <<'P'
import http.server
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.client_address[0].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("11.8.0.2", 80), Who).serve_forever()
P
	spawn web who python3 "$LAB/web/who.py"
}
seen() { ns a curl -s --max-time 2 "http://$WEB/"; }
seen_as() { [ "$(seen)" = "$1" ]; }
unseen() { [ -z "$(seen)" ]; }
says() {
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	[[ $out == *"$text"* ]]
}
rules() { { ip -n ${LAB_PREFIX}a rule; ip -n ${LAB_PREFIX}a -6 rule; } | grep -c 'proto 173\|0xad17'; }
no_rules() { [ "$(rules)" = 0 ]; }
exit_field() { adit "$1" status --json | jq -r ".routes.exit.$2"; }
connected() { [ "$(adit a status --json | jq .coord.connected)" = true ]; }
drops() { adit a status --json | jq ".drops.$1 // 0"; }

lab_need curl python3
adit_up
exit_wire || die "the internet does not come up"
check "a is seen as its own router" wait_for 5 seen_as 11.1.0.2
resolver=$(cksum </etc/resolv.conf)

say "# offer, approval, choice"
check "no such node" says "no peer is called" adit a set exit-node nobody
check "b is none yet" says "is none" adit a set exit-node b
check "b offers" adit b set advertise-exit on
check "b is told that it does not forward" says "does not forward IPv4" adit b status --json
ns b sysctl -qw net.ipv4.ip_forward=1
check "the offer alone is nothing" says "is none" adit a set exit-node b
check "half of the internet is no exit" says "default route" adit b set advertise-routes 0.0.0.0/1
offered() { coord_ctl route list | grep -q '0.0.0.0/0.*offered'; }
check "the server lists it" wait_for 3 offered
check "approved" coord_ctl route approve b exit
approved() { [ "$(exit_field b approved)" = true ]; }
check "b knows" wait_for 3 approved
check "nothing changes for who has not chosen it" seen_as 11.1.0.2
check "a chooses it" wait_for 3 adit a set exit-node b
check "a is seen as b's router" wait_for 5 seen_as 11.2.0.2
check "status says so" [ "$(exit_field a uses) $(exit_field a works)" = "b true" ]

say "# our own packets stay outside"
go_direct 10
check "the path to b is direct" paths_are direct
check "and the exit works over it" seen_as 11.2.0.2
check "no packet of ours came into the tunnel" [ "$(drops underlay_loop)" = 0 ]
coord_kill
sleep 0.5
check "without a server" seen_as 11.2.0.2
coord_start
check "the server is reached again, outside" wait_for 15 connected
check "the relay too" eval 'block_direct && wait_for 15 path_is a relay && wait_for 5 seen_as 11.2.0.2'
unblock_direct

say "# what is near"
check "a's own LAN is reached as before" ns a ping -q -n -c 1 -W 1 10.0.0.1
check "by the kernel, too" says "dev eth0" ns a ip route get 10.0.0.1
ip -n ${LAB_PREFIX}a link add lan0 type veth peer name lan1
ip -n ${LAB_PREFIX}a link set lan0 up
ip -n ${LAB_PREFIX}a addr add 11.8.0.99/24 dev lan0
check "an attached network wins" says "dev lan0" ns a ip route get $WEB
ip -n ${LAB_PREFIX}a link del lan0
check "and the exit has it again" wait_for 3 seen_as 11.2.0.2
near() { ns a ping -q -n -c 1 -W 1 $1 >/dev/null 2>&1; }
check "b reaches what is near it" eval 'ns b ping -q -n -c 1 -W 1 192.168.88.10 >/dev/null'
check "a does not" eval '! near 192.168.88.10'
check "nor b's own address there" eval '! near 192.168.88.1'
check "but b itself" near "$IP_B"
check "a host near b begins nothing through it" eval '! ns near ping -q -n -c 1 -W 1 "$IP_A" >/dev/null'
check "names are resolved as before" [ "$(cksum </etc/resolv.conf)" = "$resolver" ]

say "# crash, start, end"
node_kill a
check "after SIGKILL the host is as it was" wait_for 3 seen_as 11.1.0.2
node_start a
check "the choice holds" wait_for 10 seen_as 11.2.0.2
check "two rules a family" [ "$(rules)" = 4 ]
check "revoked: nothing gets out in the open" eval 'coord_ctl route revoke b exit && sleep 1 && unseen'
check "and status says why" says "not approved any more" adit a status
check "approved again" eval 'coord_ctl route approve b exit && wait_for 5 seen_as 11.2.0.2'
check "down" adit a down
check "no rule is left" no_rules
check "the host is as it was" seen_as 11.1.0.2
adit a up
check "up: the choice holds" wait_for 10 seen_as 11.2.0.2
check "off" adit a set exit-node off
check "no rule is left" no_rules
check "a is seen as itself" seen_as 11.1.0.2
check "b's table goes with the offer" eval 'adit b set advertise-exit off && wait_for 3 says "No such file" ns b nft list table inet adit_adit_b'
finish
