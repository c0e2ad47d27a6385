# SPDX-License-Identifier: MIT
#
# lib.sh - three freshly installed Debian machines under a real systemd, in the lab
#
# The server (srv) and two nodes behind NATs of their own (a, b). Each is a root of
# mmdebstrap's, booted by systemd-nspawn inside the namespace of that host of the lab.
# machines_up DEBS does it all; ROOT_TAR=FILE keeps the fresh root between runs.
. "$(dirname "${BASH_SOURCE[0]}")/../netns/lib.sh"

COMMANDS=0
declare -A LEADER

# --- machines -------------------------------------------------------------------------

fresh_root() {
	[ -s "$tar" ] && return
	mmdebstrap --variant=minbase --include=systemd,systemd-sysv,dbus,iproute2,nftables,iputils-ping,procps,kmod,udev,jq,ca-certificates \
		bookworm "$tar" $(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
}
# unpack HOST PACKAGE - a fresh root with the package in /root
unpack() {
	local dir=$LAB/$1/root
	mkdir -p "$dir" && tar -C "$dir" -xf "$tar" || die "$1: no room for a root in $LAB"
	echo "$1" >"$dir/etc/hostname"
	[ "$2" != adit ] || cp "$debs"/libnss-adit_*.deb "$dir/root/" || return 1
	cp "$debs/$2"_*.deb "$dir/root/" && rm -f "$dir/etc/resolv.conf" && cp -L /etc/resolv.conf "$dir/etc/" || return 1
	for f in /dev/null /dev/urandom; do [ -e "$dir$f" ] || mknod -m 666 "$dir$f" c 1 "$([ $f = /dev/null ] && echo 3 || echo 9)"; done
}
# in_root HOST COMMAND... - before it is booted, on this machine's network
in_root() {
	DEBIAN_FRONTEND=noninteractive chroot "$LAB/$1/root" sh -ec "cd /root; ${*:2}"
}
boot() {
	local dir=$LAB/$1/root pid
	systemd-nspawn -q -D "$dir" --machine="${LAB_PREFIX}$1" --network-namespace-path="/run/netns/$LAB_PREFIX$1" \
		--capability=CAP_NET_ADMIN --register=no --keep-unit --resolv-conf=off --link-journal=no \
		-b >"$LAB/$1/boot.log" 2>&1 &
	pid=$!
	echo $pid >"$LAB/$1/nspawn.pid"
	wait_for 40 booted "$1" || { cat "$LAB/$1/boot.log"; die "$1 does not come up: $(inside "$1" systemctl is-system-running)"; }
	# no udev in there: what its rules do on a real machine
	inside "$1" sh -c 'mkdir -p /dev/net; rm -f /dev/net/tun; mknod -m 666 /dev/net/tun c 10 200'
}
inside() { nsenter -t "${LEADER[$1]}" -m -u -i -p -n -C -- "${@:2}"; }
# booted HOST - and its init known: nspawn's first child may be a passing one
booted() {
	LEADER[$1]=$(pgrep -P "$(pid_of "$1" nspawn)" | head -n 1)
	[ -n "${LEADER[$1]}" ] && case $(inside "$1" systemctl is-system-running) in running | degraded) ;; *) false ;; esac
}
# typed HOST COMMAND... - one of the administrator's commands: shown and counted
typed() {
	COMMANDS=$((COMMANDS + 1))
	say "$BOLD$1#$PLAIN ${*:2}" >&2
	inside "$@"
}
power_off() {
	local host
	for host in "${!LEADER[@]}"; do
		inside "$host" systemctl poweroff 2>/dev/null
	done
	for host in "${!LEADER[@]}"; do
		wait_for 20 gone "$host" nspawn || kill -KILL "$(pid_of "$host" nspawn)"
	done
}
exposure() { # UNIT's figure from a machine
	inside "$1" systemd-analyze security --no-pager "$2" |
		sed -n 's/.*Overall exposure level[^:]*: \([0-9.]*\).*/\1/p'
}
active() { [ "$(inside "$1" systemctl is-active "$2")" = active ]; }
inactive() { ! active "$@"; }
enabled() { [ "$(inside "$1" systemctl is-enabled "$2" 2>/dev/null)" = enabled ]; }
reaches() { inside "$1" ping -q -n -c 1 -W 1 "$2"; }
# fails_with STATUS COMMAND...
fails_with() { local s=$1 got; shift; "$@" >/dev/null 2>&1; got=$?; [ $got = "$s" ] || { say "status $got, not $s"; false; }; }
restarts() { inside "$1" systemctl show -p NRestarts --value "$2"; }
journal() { inside "$1" journalctl -q --no-pager -o cat -u "$2"; }

# machines_up DEBS - all three installed (packages of the fresh clone if DEBS has none),
# then booted. before_boot, if the script has such a function, is called in between.
machines_up() {
	local row host
	debs=$(realpath -m "$1")
	need_root
	lab_need mmdebstrap systemd-nspawn nsenter socat
	ls "$debs"/adit_*.deb >/dev/null 2>&1 || "$ROOT/scripts/build-packages" "$debs" || exit 1
	lab_up home home
	mkdir -p "$LAB"/{srv,a,b}
	tar=${ROOT_TAR:-$LAB/root.tar}
	logged "a fresh Debian root" "$LAB/debootstrap.log" fresh_root || exit 1
	on_exit power_off
	for row in srv:adit-coord a:adit b:adit; do
		logged "${row%:*}: unpack" "$LAB/${row%:*}/unpack.log" unpack "${row%:*}" "${row#*:}" || exit 1
	done
	before_boot
	for host in srv a b; do
		boot $host && good "$host: booted"
	done
}
