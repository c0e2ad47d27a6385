# SPDX-License-Identifier: MIT
#
# lib.sh - progress lines, errors and the cleanup stack of every script here
#
# Source it; it changes no shell option but these two. Colours only on a terminal,
# and never with NO_COLOR set.
set -u
set -o pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' YELLOW=$'\e[33m' DIM=$'\e[2m' PLAIN=$'\e[0m'
else
	BOLD='' GREEN='' RED='' YELLOW='' DIM='' PLAIN=''
fi

say()  { printf '%s\n' "$*"; }
head1() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN"; }
good() { printf '%sok%s    %s\n' "$GREEN" "$PLAIN" "$*"; }
warn() { printf '%swarn%s  %s\n' "$YELLOW" "$PLAIN" "$*" >&2; }
bad()  { printf '%sfail%s  %s\n' "$RED" "$PLAIN" "$*" >&2; }
die()  { bad "$*"; exit 1; }

need_root() {
	[ "$(id -u)" = 0 ] || die "$(basename "$0"): needs root: run it with sudo"
}

# on_exit COMMAND... - run at the end, last one first, however the script ends.
CLEANUP=()
on_exit() { CLEANUP+=("$(printf '%q ' "$@")"); }
run_cleanup() {
	local status=$? i
	trap '' INT TERM HUP
	for ((i = ${#CLEANUP[@]} - 1; i >= 0; i--)); do
		eval "${CLEANUP[i]}"
	done
	CLEANUP=()
	return $status
}
trap 'run_cleanup; exit' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# logged TEXT LOG COMMAND... - a long step: says that it goes on, shows the log's tail
# when it fails. Status of the command.
logged() {
	local text=$1 log=$2 start=$SECONDS pid status
	shift 2
	"$@" >"$log" 2>&1 &
	pid=$!
	if [ -n "$PLAIN" ]; then
		while kill -0 $pid 2>/dev/null; do
			printf '\r%s..%s    %s %s(%d s)%s\e[K' "$DIM" "$PLAIN" "$text" "$DIM" \
				$((SECONDS - start)) "$PLAIN"
			sleep 0.3
		done
		printf '\r\e[K'
	else
		say "..    $text"
	fi
	wait $pid
	status=$?
	if [ $status = 0 ]; then
		good "$text ($((SECONDS - start)) s)"
	else
		bad "$text (status $status, $((SECONDS - start)) s): the end of $log:"
		tail -n 40 "$log" | sed 's/^/      /' >&2
	fi
	return $status
}
