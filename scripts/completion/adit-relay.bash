# SPDX-License-Identifier: MIT
#
# adit-relay.bash - completion of adit-relay's options and its command

_adit_relay()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local words="status --coord-key --config --state --listen --udp-port --node-rate
		--total-rate --node-quota --quota --allow-from --allow-node --metrics
		--log-level --check --version --help"

	COMPREPLY=()
	case $prev in
	--config | --state)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return ;;
	--log-level) words="error warn info debug" ;;
	status) words="--state --json" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _adit_relay adit-relay
