# SPDX-License-Identifier: MIT
#
# workloads.sh - unmodified programs between two hosts of the lab
#
# Each X_serve HOST ADDRESS starts a server, ready when it returns; each client function
# prints what the program printed. Source after lib.sh.

PG_BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)

# --- ssh ------------------------------------------------------------------------------

ssh_serve() {
	local d=$LAB/$1
	ssh-keygen -q -t ed25519 -N '' -f "$d/host_key" </dev/null || return 1
	[ -e "$LAB/user_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$LAB/user_key" </dev/null
	mkdir -p /run/sshd
	cat >"$d/sshd_config" <<C
ListenAddress $2
Port 22
HostKey $d/host_key
PidFile $d/sshd-own.pid
AuthorizedKeysFile $LAB/user_key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
Subsystem sftp internal-sftp
ClientAliveInterval 0
C
	spawn "$1" sshd /usr/sbin/sshd -D -f "$d/sshd_config" -E "$d/sshd.log"
	wait_for 5 listens "$1" 22
}
listens() { ns "$1" ss -Hltn "sport = :$2" | grep -q .; }
SSH_OPTIONS=(-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null
	-o LogLevel=ERROR -o ConnectTimeout=10 -o BatchMode=yes)
# ssh_run HOST ADDRESS COMMAND
ssh_run() {
	ns "$1" ssh -F none "${SSH_OPTIONS[@]}" -i "$LAB/user_key" "root@$2" "${@:3}" </dev/null
}
# ssh_session HOST ADDRESS COUNT - a session that says a line each 100 ms
ssh_session() { ssh_run "$1" "$2" "for i in \$(seq $3); do echo line \$i; sleep 0.1; done"; }
# ssh_copy HOST FILE ADDRESS PATH [KBIT/S]
ssh_copy() {
	ns "$1" scp -q -F none "${SSH_OPTIONS[@]}" -i "$LAB/user_key" ${5:+-l "$5"} \
		"$2" "root@$3:$4" </dev/null
}
random_file() { head -c "$2" /dev/urandom >"$1"; }

# --- PostgreSQL -----------------------------------------------------------------------

pg_serve() {
	local d=$LAB/$1/pg
	mkdir -p "$d" && chown postgres "$d" && chmod 755 "$LAB/$1" || return 1
	(
		cd / && runuser -u postgres -- "$PG_BIN/initdb" -D "$d/data" -A trust -N \
			--locale=C -E UTF8
	) >"$LAB/$1/initdb.log" 2>&1 || return 1
	echo 'host all all 0.0.0.0/0 trust' >>"$d/data/pg_hba.conf"
	spawn "$1" postgres runuser -u postgres -- "$PG_BIN/postgres" -D "$d/data" \
		-c listen_addresses="$2" -c unix_socket_directories="$d" -c fsync=off
	wait_for 20 ns "$1" "$PG_BIN/pg_isready" -q -h "$2"
}
pg_query() { ns "$1" env PGCONNECT_TIMEOUT=10 psql -qAt -U postgres -h "$2" -c "$3" postgres; }
# pg_bench HOST ADDRESS SECONDS - prints "tps = ..." and the latency line
pg_bench() {
	local limit=(env PGCONNECT_TIMEOUT=10 timeout $(($3 + 30)))
	ns "$1" "${limit[@]}" pgbench -q -i -s 1 -U postgres -h "$2" postgres \
		>"$LAB/$1/pgbench-init.log" 2>&1 &&
		ns "$1" "${limit[@]}" pgbench -n -c 4 -j 2 -T "$3" -U postgres -h "$2" postgres 2>&1
}

# --- gRPC, HTTP, iperf3 ---------------------------------------------------------------

grpc_serve() {
	spawn "$1" grpc /usr/bin/python3 "$ROOT/tests/tools/grpc_echo.py" serve "$2:50051"
	wait_for 10 listens "$1" 50051
}
grpc_call() { ns "$1" /usr/bin/python3 "$ROOT/tests/tools/grpc_echo.py" call "$2:50051" "${3:-100}"; }

http_serve() {
	mkdir -p "$LAB/$1/www"
	random_file "$LAB/$1/www/file" 20000000
	spawn "$1" http /usr/bin/python3 -m http.server --bind "$2" --directory "$LAB/$1/www" 8080
	wait_for 10 listens "$1" 8080
}
# http_get HOST ADDRESS FILE - prints "200 N MB, SPEED Mbit/s"
http_get() {
	ns "$1" curl -sS --noproxy '*' --max-time 60 -o "$3" \
		-w '%{http_code} %{size_download} %{speed_download}\n' "http://$2:8080/file" |
		awk '{ printf "%s %.0f MB, %.0f Mbit/s\n", $1, $2 / 1e6, $3 * 8 / 1e6 }'
}

iperf_serve() {
	spawn "$1" iperf iperf3 -s -B "$2" -p "${3:-5201}"
	wait_for 5 listens "$1" "${3:-5201}"
}
# iperf_gbps HOST ADDRESS SECONDS [PORT] [OPTIONS...] - received Gbit/s
iperf_gbps() {
	ns "$1" timeout $(($3 + 20)) iperf3 -c "$2" -t "$3" -p "${4:-5201}" -J "${@:5}" |
		jq -r '.end.sum_received.bits_per_second / 1e9 | . * 1000 | round / 1000'
}
