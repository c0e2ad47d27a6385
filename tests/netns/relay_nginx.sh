#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# relay_nginx.sh - coordination and relay behind nginx that terminates TLS
#
# Nodes are told the proxy's URL. One has no UDP: its packets go node, nginx, relay.
. "$(dirname "$0")/lib.sh"

lab_need nginx openssl
transport() { peer_field a .path.transport; }
transport_is() { [ "$(transport)" = "$1" ]; }

programs
lab_up udp-blocked home
dir=$LAB/srv/nginx
mkdir -p "$dir/temp"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=front \
	-keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null || die "openssl makes no certificate"
cat >"$dir/nginx.conf" <<N
daemon off;
worker_processes 1;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path $dir/temp;
	proxy_temp_path $dir/temp;
	fastcgi_temp_path $dir/temp;
	uwsgi_temp_path $dir/temp;
	scgi_temp_path $dir/temp;
	server {
		listen $SRV2:443 ssl;
		ssl_certificate $dir/cert.pem;
		ssl_certificate_key $dir/key.pem;
		location /adit/ {
			proxy_pass https://$SRV:8443;
			proxy_http_version 1.1;
			proxy_set_header Upgrade \$http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_read_timeout 1h;
			proxy_buffering off;
		}
	}
}
N
spawn srv nginx nginx -c "$dir/nginx.conf"
spawn srv coord "$ADIT_COORD" --state "$LAB/srv/state" --listen $SRV:8443 --url https://$SRV2 \
	--relay-address $SRV --udp-port 3478 --admin-socket "$LAB/srv/admin.sock"
wait_for 10 coord_ctl nodes || { lab_logs; die "adit-coord does not answer"; }
node_start a
node_start b
node_join a
node_join b
IP_A=$(overlay a) IP_B=$(overlay b)
block_direct
check "a, without UDP, reaches b through nginx and the relay" wait_for 10 pings a
check "the path is the relay, over TLS" transport_is tls
lost=$(ns a ping -q -n -c 100 -i 0.01 "$IP_B" | sed -n 's/.* \([0-9.]*\)% packet loss.*/\1/p')
check_le loss_through_nginx "$lost" % 0
finish
