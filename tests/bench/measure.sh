# SPDX-License-Identifier: MIT
#
# measure.sh - one test of one tunnel for scripts/bench, as a line of the table
#
#   topology underlay round tunnel test rate loss rtt daemon_s relay_s system_s GB busy
#
# rate: Gbit/s received, of udp64 million packets/s; loss %; rtt: milliseconds, mean, of
# load mean/greatest; the _s: CPU seconds used meanwhile; busy: percent of the machine
# that something else used just before. - : nothing to say.
#
#   tcp1 tcp4 rev     iperf3, one and four streams, and one from b to a; cubic
#   udp1g             1,372 octets of payload at 1 Gbit/s; iperf3's sockets have 2 MiB of
#                     room, or what the host allows: what they cannot hold is not the tunnel's
#                     loss (with the usual 208 KiB a bare wire loses 1 %)
#   udp udp64         as fast as it goes, 1,372 and 64 octets
#   ping              2,000 echoes, 2 ms apart
#   load              ping beside one TCP stream

cpu_of() { # FILE-OF-PIDS - nanoseconds, all threads
	local p
	for p in $(cat "$1" 2>/dev/null); do
		cat /proc/$p/task/*/schedstat 2>/dev/null
	done | awk '{ t += $1 } END { printf "%.0f", t }'
}
rss_of() { # FILE-OF-PIDS - KiB, the largest of them
	local p
	for p in $(cat "$1" 2>/dev/null); do
		awk '/^VmRSS/ { print $2 }' /proc/$p/status 2>/dev/null
	done | sort -n | tail -n 1
}
system_ticks() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8; exit }' /proc/stat; }
busy_percent() {
	local before
	before=$(system_ticks)
	sleep 0.4
	echo $((($(system_ticks) - before) * 250 / ($(getconf CLK_TCK) * $(nproc))))
}

# udp_room - octets
udp_room() {
	cat /proc/sys/net/core/{r,w}mem_max | sort -n | awk 'NR == 1 { print $1 < 2097152 ? $1 : 2097152 }'
}
iperf_run() { # TEST
	local s=$BENCH_SECONDS args=(-c "$TARGET" -J -p 5201)
	case $1 in
	tcp1 | load) args+=(-C cubic) ;;
	tcp4) args+=(-C cubic -P 4) ;;
	rev) args+=(-C cubic -R) ;;
	udp1g) args+=(-u -b 1G -l 1372 -w "$(udp_room)") ;;
	udp) args+=(-u -b 0 -l 1372) ;;
	udp64) args+=(-u -b 0 -l 64) ;;
	esac
	ns a timeout $((s + 15)) iperf3 "${args[@]}" -t "$s" 2>/dev/null
}
# iperf_read TEST - "rate loss GB" from iperf3's report; what was lost does not count
iperf_read() {
	case $1 in
	udp64) jq -r '.end.sum | "\(.packets * (1 - .lost_percent / 100) / .seconds / 1e6) \(.lost_percent) \(.bytes * (1 - .lost_percent / 100) / 1e9)"' ;;
	udp*) jq -r '.end.sum | "\(.bytes * (1 - .lost_percent / 100) * 8 / .seconds / 1e9) \(.lost_percent) \(.bytes * (1 - .lost_percent / 100) / 1e9)"' ;;
	*) jq -r '.end.sum_received | "\(.bits_per_second / 1e9) - \(.bytes / 1e9)"' ;;
	esac 2>/dev/null
}
ping_read() { # FIELDS OF rtt TO PRINT
	awk -F '[ /]' -v max="$1" '/^rtt/ { print max ? $8 "/" $9 : $8 }'
}

measure() { # ROUND NUMBER TUNNEL TEST
	local busy d0 r0 s0 rate=- loss=- rtt=- gb=0 out pinger
	TARGET=${TARGETS[$2]}
	busy=$(busy_percent)
	d0=$(cpu_of "$WORK/$2.pids") r0=$(cpu_of "$WORK/$2.relay") s0=$(system_ticks)
	case $4 in
	ping) rtt=$(ns a ping -q -i 0.002 -c 2000 "$TARGET" | ping_read '') ;;
	load)
		ns a ping -q -i 0.01 -c $((BENCH_SECONDS * 100 - 50)) "$TARGET" >"$WORK/ping" &
		pinger=$!
		out=$(iperf_run load)
		wait $pinger
		read -r rate _ gb < <(iperf_read load <<<"$out")
		rtt=$(ping_read 1 <"$WORK/ping")
		loss=$(sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p' "$WORK/ping")
		;;
	*) read -r rate loss gb < <(iperf_run "$4" | iperf_read "$4") ;;
	esac
	printf '%s\t' "$TOPOLOGY" "$UNDERLAY" "$1" "$3" "$4" "${rate:--}" "${loss:--}" "${rtt:--}" \
		"$(seconds $(($(cpu_of "$WORK/$2.pids") - d0)))" \
		"$(seconds $(($(cpu_of "$WORK/$2.relay") - r0)))" \
		"$(awk "BEGIN { print ($(system_ticks) - $s0) / $(getconf CLK_TCK) }")" "${gb:-0}"
	printf '%s\n' "$busy"
}
seconds() { awk "BEGIN { printf \"%.4f\", $1 / 1e9 }"; }

# note TUNNEL NUMBER WHAT VALUE - a line of its own for memory and idling
note() { printf '%s\t%s\t0\t%s\t%s\t%s\n' "$TOPOLOGY" "$UNDERLAY" "$1" "$2" "$3"; }
