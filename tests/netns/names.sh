#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# names.sh - peers by name: the name server, the NSS module, resolved and resolvconf as
# stand-ins that write down what they are told; what is left after SIGKILL
. "$(dirname "$0")/lib.sh"

# as HOST COMMAND... - with /run/adit, nsswitch.conf and resolv.conf of its own
as() {
	local host=$1
	shift
	ns "$host" unshare -m bash -c '
		mkdir -p /run/adit && mount --bind "$1" /run/adit &&
			mount --bind "$2/nsswitch.conf" /etc/nsswitch.conf &&
			mount --bind "$2/resolv.conf" /etc/resolv.conf || exit 99
		export LD_LIBRARY_PATH=$2 PYTHONDONTWRITEBYTECODE=1
		shift 2
		exec "$@"' as "$LAB/$host" "$LAB" "$@"
}
first_of() { awk '{ print $1; exit }'; }

# dns NAME TYPE [HOST] - what a's name server says to HOST
dns() { ns "${3:-a}" python3 "$NETNS_DIR/../tools/dnsask.py" "$SERVER" "$1" "$2"; }

# stand_in DIR NAME - a program that writes down its words and its input
stand_in() {
	mkdir -p "$1"
	printf '#!/bin/sh\n{ echo "%s $*"; case "$*" in -a*) cat ;; esac; } >>"%s/told"\n' "$2" "$LAB" >"$1/$2"
	chmod 755 "$1/$2"
}
told() { grep -qxF -- "$1" "$LAB/told"; }
names_by() { [ "$(adit a status --json | jq -r .names.by)" = "$1" ]; }

lab_need unshare python3 getent
adit_up
lib=$(dirname "$ADITD")/libnss_adit.so.2
[ -f "$lib" ] || die "libnss_adit.so.2 is not built beside aditd"
cp "$lib" "$LAB/"
chmod 755 "$LAB/libnss_adit.so.2"
echo 'hosts: files adit [NOTFOUND=return] dns' >"$LAB/nsswitch.conf"
SERVER=$(adit a status --json | jq -r .names.server)
echo "nameserver 11.9.0.2" >"$LAB/resolv.conf"
IP6_B=$(adit b status --json | jq -r '[.self.addresses[] | select(contains(":"))][0]')

say "# the name server"
check "it listens on our overlay address, port 53" [ "$SERVER" = "$IP_A:53" ]
check "b has its address" [ "$(dns b.adit.internal A)" = "0 aa $IP_B" ]
check "b in capitals too" [ "$(dns B.Adit.Internal AAAA)" = "0 aa $IP6_B" ]
check "unknown: denied at once" [ "$(dns nobody.adit.internal A)" = "3 aa" ]
check "others: refused" [ "$(dns example.com A)" = "5" ]
check "a peer may not ask it" [ "$(dns a.adit.internal A b)" = "silence" ]

say "# the NSS module"
check "getent hosts b" [ "$(as a getent hosts b | first_of)" = "$IP6_B" ]
check "getent ahostsv4 b" [ "$(as a getent ahostsv4 b | first_of)" = "$IP_B" ]
check "in full, in capitals" [ "$(as a getent ahostsv4 B.ADIT.internal | first_of)" = "$IP_B" ]
check "back from the address" [ "$(as a getent hosts "$IP_B" | awk '{ print $2 }')" = b.adit.internal ]
check "ping by name" as a ping -c 1 -W 2 -q b >/dev/null
# unknown NAME - what getent says of it, and how long that takes; resolv.conf names a
# server that never answers, so that asking outside would take seconds
unknown() {
	local begin status
	begin=$(now_ms)
	as a timeout 20 getent hosts "$1" >/dev/null
	status=$?
	check_le "$2" $(($(now_ms) - begin)) ms 1000
	check "$1: no such name" [ $status = 2 ]
}
unknown nobody.adit.internal unknown_name_ms

say "# a file that lies does no harm"
cp "$LAB/a/hosts" "$LAB/hosts.good"
head -c 100000 /dev/urandom >"$LAB/a/hosts"
as a getent hosts b >/dev/null
check "octets at random: no crash" [ $? -le 2 ]
{ printf '# adit 1 adit.internal\n'; head -c 200000 /dev/zero | tr '\0' 'x'; printf '\n%s b.adit.internal b\n' "$IP_B"; } >"$LAB/a/hosts"
check "an endless line is skipped" [ "$(as a getent ahostsv4 b | first_of)" = "$IP_B" ]
cp "$LAB/hosts.good" "$LAB/a/hosts"

say "# after SIGKILL"
node_kill a
rm -f "$LAB/a/hosts"
unknown nobody.adit.internal unknown_name_without_aditd_ms
check "names of the host work: localhost" [ -n "$(as a getent hosts localhost)" ]
check "the host's resolv.conf was never touched" [ "$(cat "$LAB/resolv.conf")" = "nameserver 11.9.0.2" ]
node_start a
check "and ours again" wait_for 5 [ -f "$LAB/a/hosts" ]
node_kill a TERM
check "stopped: the hosts file is gone" [ ! -f "$LAB/a/hosts" ]

say "# systemd-resolved, as a stand-in"
stand_in "$LAB/bin" resolvectl
: >"$LAB/told"
# spawn_with HOST - aditd with the stand-ins in front, and resolved's socket if $1 says so
spawn_with() {
	ADITD_PLAIN=$ADITD
	printf '#!/bin/bash\nexport PATH=%s:$PATH\nexec unshare -m bash -c '\''mount -t tmpfs t /run/systemd && mkdir -p /run/systemd/resolve && %s; exec "$@"'\'' - %s "$@"\n' \
		"$LAB/bin" "$1" "$ADITD" >"$LAB/aditd-with"
	chmod 755 "$LAB/aditd-with"
	ADITD=$LAB/aditd-with
	node_start a
	ADITD=$ADITD_PLAIN
}
mkdir -p /run/systemd
spawn_with 'touch /run/systemd/resolve/io.systemd.Resolve'
check "by systemd-resolved" wait_for 5 names_by systemd-resolved
check "server of our link" wait_for 2 told "resolvectl dns adit-a $IP_A"
check "domain, searched; the overlay's reverse names" grep -q '^resolvectl domain adit-a adit.internal ~90.100.in-addr.arpa ~.*ip6.arpa$' "$LAB/told"
check "no default route" wait_for 2 told "resolvectl default-route adit-a no"
node_kill a TERM
check "undone on exit" told "resolvectl revert adit-a"

say "# resolvconf, as a stand-in"
rm "$LAB/bin/resolvectl"
stand_in "$LAB/bin" resolvconf
: >"$LAB/told"
spawn_with true
check "by resolvconf" wait_for 5 names_by resolvconf
check "its record" wait_for 2 told "resolvconf -a adit-a.adit"
check "with server and search" eval 'told "nameserver $IP_A" && told "search adit.internal"'
node_kill a KILL
check "undone after SIGKILL" wait_for 2 told "resolvconf -d adit-a.adit"
rm "$LAB/bin/resolvconf"

say "# port 53 is taken; resolved is there, but refuses"
printf '#!/bin/sh\nexit 1\n' >"$LAB/bin/resolvectl"
chmod 755 "$LAB/bin/resolvectl"
spawn a taken python3 -c 'import socket,time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 53)); time.sleep(600)'
wait_for 2 [ -n "$(ns a ss -Hlun 'sport = :53')" ]
sleep 0.3
spawn_with 'touch /run/systemd/resolve/io.systemd.Resolve'
check "falls back to the module" wait_for 5 names_by nss
SERVER=$(adit a status --json | jq -r .names.server)
check "on another port" [ "$SERVER" != "$IP_A:53" ]
check "and answers there" [ "$(dns b.adit.internal A)" = "0 aa $IP_B" ]
finish
