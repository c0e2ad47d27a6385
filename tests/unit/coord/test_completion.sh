#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# test_completion.sh - completion knows every option and command that --help lists
#
#   test_completion.sh PROGRAM COMPLETION    prints TAP; asks no server
program=$1
. "$2" || exit 1
name=$(basename "$program")
function=_${name//-/_}
n=0 failed=0

# offered WORD... - prints what is offered behind these words
offered() {
	COMP_WORDS=("$program" "$@" '')
	COMP_CWORD=$(($# + 1))
	COMPREPLY=()
	$function
	printf '%s\n' "${COMPREPLY[@]}"
}
# has WORD BEHIND... - is WORD offered behind those?
has() {
	local word=$1
	shift
	n=$((n + 1))
	if offered "$@" | grep -qxF -- "$word"; then
		echo "ok $n - $* $word"
	else
		echo "not ok $n - $* $word"
		failed=1
	fi
}

help=$("$program" --help) || exit 1
for word in $(grep -oE -- '--[a-z][a-z0-9-]*' <<<"${help%% invite *}" | sort -u); do
	[ "$word" = --json ] || has "$word"
done
if [ "$name" = adit-coord ]; then
	for word in $(sed -n 's/.*--admin-socket PATH\] \([a-z-]*\).*/\1/p' <<<"$help" | sort -u) \
		expire revive status backup restore; do
		has "$word"
	done
	for word in approve peer-relays key-expiry; do has $word set; done
	for word in --reusable --expires --tag --name --uses; do has $word invite; done
	for word in check set show rollback; do has $word policy; done
	for word in list approve revoke; do has $word route; done
	for word in add list remove; do has $word wg-peer && has $word relay; done
else
	has status
fi
echo "1..$n"
exit $failed
