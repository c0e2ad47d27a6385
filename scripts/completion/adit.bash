# SPDX-License-Identifier: MIT
#
# adit.bash - completion of adit's commands, options and peers; the words come from
# `adit complete`, so this file knows none of them.

_adit()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command= i
	local -a socket=()

	COMPREPLY=()
	if [[ $prev == --socket ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket)
			i=$((i + 1))
			socket=(--socket "${COMP_WORDS[i]}")
			;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done
	mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "${socket[@]}" \
		complete $command 2>/dev/null)" -- "$cur")
}

complete -F _adit adit
