# SPDX-License-Identifier: MIT
#
# adit-coord.bash - completion of adit-coord's options and commands, of nodes and relays

_adit_coord_options="--config --state --listen --url --udp-port --relay-address --admin-socket
	--overlay-v4 --overlay-v6 --metrics --log-level --check --version --help"
_adit_coord_commands="invite nodes remove expire revive status relay set approve policy route
	wg-peer backup restore"

# _adit_coord_nodes PROGRAM [OPTION...] - names, as the running server has them
_adit_coord_nodes()
{
	"$@" nodes 2>/dev/null | awk 'NR > 1 { print $1 }'
}

# _adit_coord_relays PROGRAM [OPTION...] - names; two lines of heading
_adit_coord_relays()
{
	"$@" relay list 2>/dev/null | awk 'NR > 2 { print $1 }'
}

# _adit_coord_words WORD... - what may follow the command and its words so far; SERVER is
# the program with the options that name its server
_adit_coord_words()
{
	case $* in
	'') echo "$_adit_coord_commands $_adit_coord_options" ;;
	invite*) echo --reusable --expires --tag --name --uses ;;
	nodes | status | 'route list' | 'relay list' | 'wg-peer list') echo --json ;;
	remove | expire | revive | approve | 'route approve' | 'route revoke')
		_adit_coord_nodes "${SERVER[@]}" ;;
	set) echo approve peer-relays key-expiry ;;
	'set approve') echo on off ;;
	'set peer-relays') echo on off tag: ;;
	'set key-expiry') echo off 90d ;;
	relay) echo list add remove ;;
	'relay remove') _adit_coord_relays "${SERVER[@]}" ;;
	policy) echo check set show rollback ;;
	route) echo list approve revoke ;;
	wg-peer) echo add list remove ;;
	'wg-peer add '*) echo --gateway --endpoint --tag ;;
	'restore '*) echo --force ;;
	esac
}

_adit_coord()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i
	local -a SERVER=("${COMP_WORDS[0]}") words=()

	COMPREPLY=()
	case $prev in
	--config | --state | --admin-socket | check | backup | restore)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--log-level)
		mapfile -t COMPREPLY < <(compgen -W "error warn info debug" -- "$cur")
		return ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--admin-socket | --config)
			SERVER+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			i=$((i + 1)) ;;
		--state | --listen | --url | --udp-port | --relay-address | --overlay-v? | \
			--metrics | --log-level) i=$((i + 1)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	if [ "${words[*]}" = 'policy set' ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$(_adit_coord_words "${words[@]}")" -- "$cur")
}

complete -F _adit_coord adit-coord
