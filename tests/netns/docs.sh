#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# docs.sh - types the commands that docs/routes.md, wireguard.md and policy.md tell, as they stand
#
# Lines that begin with a machine and "# " are typed there; those of policy.md that begin
# with adit-coord, on the server, FILE and NODE being a file and a node. What the pages
# promise of them is then looked at. The other pages: scripts/check-docs.
. "$(dirname "$0")/lib.sh"

DOCS=$ROOT/docs
declare -A HOST=([server]=srv [node]=a [router]=b [exit]=b [gateway]=b)

# on MACHINE COMMAND - as an administrator types it there
on() {
	local host=${HOST[$1]:-}
	[ -n "$host" ] || { echo "no machine is called $1"; return 1; }
	ns "$host" bash -ec "
		adit() { '$ADIT' --socket '$LAB/$host/adit.sock' \"\$@\"; }
		adit-coord() { '$ADIT_COORD' --admin-socket '$LAB/srv/admin.sock' \"\$@\"; }
		cd '$LAB/$host'
		$2" >"$LAB/said" 2>&1 || { sed 's/^/      /' "$LAB/said"; return 1; }
}
# page FILE SED... - types its commands, the words of the page replaced by ours
page() {
	local file=$1 line count=0
	shift
	while IFS= read -r line; do
		count=$((count + 1))
		check "$file: ${line/\#/\# }" on "${line%%#*}" "$(sed "$@" <<<"${line#*#}")"
	done < <(sed -nE 's/^    ([a-z]+)# +/\1#/p' "$DOCS/$file")
	check "$file has commands" [ $count -gt 0 ]
}
wire() {
	ip netns add ${LAB_PREFIX}h && ip -n ${LAB_PREFIX}h link set lo up &&
		link b eth1 192.168.10.1/24 h eth0 192.168.10.10/24 && gateway h 192.168.10.1
}
answers() { ns a ping -q -n -c 1 -W 1 "$1" >/dev/null 2>&1; }
nodes_are() { [ "$(coord_ctl nodes --json | jq -r '[.nodes[].name] | sort | join(" ")')" = "$1" ]; }

lab_need jq
adit_up home open
wire || die "the network behind b does not come up"

say "# docs/routes.md"
page routes.md -E -e 's/approve (router|exit) /approve b /; s/exit-node exit$/exit-node b/'
check "the node reaches a machine behind the router" wait_for 5 answers 192.168.10.10
check "as the page says: exit-node off" on node "adit set exit-node off"
check "as the page says: revoke" on server "adit-coord route revoke b 192.168.10.0/24"
check "and it is out of reach" wait_for 5 eval '! answers 192.168.10.10'

say "# docs/wireguard.md"
page wireguard.md -e 's/--gateway gateway/--gateway b/'
check "a configuration was printed" grep -q '^Endpoint = 203.0.113.7:24100$' "$LAB/said"
check "as the page says: list" on server "adit-coord wg-peer list"
check "which has the phone" grep -q phone "$LAB/said"
check "as the page says: remove" on server "adit-coord wg-peer remove phone"

say "# docs/policy.md"
printf 'allow any to any\n' >"$LAB/srv/FILE"
count=0
while IFS= read -r line; do
	count=$((count + 1))
	case $line in
	*" approve NODE") continue ;; # nobody waits here; policy.sh
	*" remove NODE") continue ;;  # comes last
	esac
	check "policy.md: $line" on server "${line//NODE/b}"
done < <(sed -nE 's/^    (adit-coord [^ ]+( [^ ]+)*)(  .*)?$/\1/p' "$DOCS/policy.md")
check "policy.md has commands" [ $count -ge 10 ]
check "b is a member, after expire and revive" wait_for 5 answers "$IP_B"
check "policy.md: adit-coord remove NODE" on server "adit-coord remove b"
check "and b is gone" nodes_are a
finish
