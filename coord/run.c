/* SPDX-License-Identifier: MIT
 *
 * run.c - the server program (glue)
 *
 * The state folder holds coord.db, cert.pem, key.pem and three secret keys: channel.key
 * (pinned by invites), sign.key (tokens), relay.key. What is missing is made.
 */
#include "coord/run.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/notify.h"
#include "base/rand.h"
#include "base/resolve.h"
#include "base/scrape.h"
#include "base/url.h"
#include "coord/admin.h"
#include "coord/coord_figures.h"
#include "coord/ipam.h"
#include "coord/relays.h"
#include "coord/server.h"
#include "relay/service.h"
#include "relay/tlsservice.h"

enum {
	SECRET_FILE_MAX = 256,
};

struct run {
	const struct settings *s;
	struct loop loop;
	struct loop_signal terminate, interrupt, hangup;
	struct loop_timer watchdog;
	struct scrape *scrape;
	struct registry *registry;
	struct server *server;
	struct admin *admin;
	struct relay_service *relay;
	struct tlsservice *tls; /* the relay's clients over TLS */
	struct key_private channel, relay_key;
	struct key_public channel_public;
	struct sign_private sign;
	uint64_t network;
	struct prefix overlay[2];
	struct netmap_relay here; /* our relay, as nodes reach it */
	struct endpoint listen;
	char url[INVITE_URL];
	char cert[PATH_MAX + 16], key[PATH_MAX + 16];
};

static bool in_state(const struct run *r, const char *name, char *out, size_t room)
{
	return (size_t)snprintf(out, room, "%s/%s", r->s->state, name) < room;
}

/* ---- keys ---- */

static int read_secret(const char *path, void *out, size_t n)
{
	char *text;
	size_t text_n, got = 0;
	int err = file_read_secret(path, SECRET_FILE_MAX, &text, &text_n);

	if (err)
		return err;
	text_n = strcspn(text, "\n");
	if (!base64_read(text, text_n, out, n, &got) || got != n)
		err = -EINVAL;
	secret_wipe(text, text_n);
	free(text);
	return err;
}

static int write_secret(const char *path, const void *p, size_t n)
{
	char text[SECRET_FILE_MAX];
	size_t text_n = base64_write(p, n, text);
	int err;

	text[text_n++] = '\n';
	err = file_replace(path, text, text_n, 0600);
	secret_wipe(text, sizeof(text));
	return err;
}

static void make_private(void *out)
{
	key_private_generate(out);
}

static void make_sign(void *out)
{
	struct sign_public unused;

	sign_generate(out, &unused);
}

static bool load_secret(const struct run *r, const char *name, void *out, size_t n,
			void (*make)(void *out), char why[static 512])
{
	char path[PATH_MAX + 16];
	int err = in_state(r, name, path, sizeof(path)) ?
			  read_secret(path, out, n) : -ENAMETOOLONG;

	if (err == -ENOENT) {
		make(out);
		err = write_secret(path, out, n);
	}
	if (err)
		snprintf(why, 512, "%.300s: %s%s", path, strerror(-err),
			 err == -EINVAL ? "; it holds no key" :
			 err == -EPERM ? "; others may read it: chmod 600" : "");
	return !err;
}

static bool load_keys(struct run *r, char why[static 512])
{
	if (!load_secret(r, "channel.key", &r->channel, sizeof(r->channel),
			 make_private, why) ||
	    !load_secret(r, "relay.key", &r->relay_key, sizeof(r->relay_key),
			 make_private, why) ||
	    !load_secret(r, "sign.key", &r->sign, sizeof(r->sign), make_sign, why))
		return false;
	key_public_of(&r->channel, &r->channel_public);
	return true;
}

/* ---- what was chosen at the first start ---- */

static bool choose_network(struct run *r)
{
	char text[32];

	if (registry_setting(r->registry, "network", text, sizeof(text))) {
		r->network = strtoull(text, NULL, 10);
		return true;
	}
	/* 53 bits: what every JSON reader can hold. */
	r->network = rand_u64() >> 11 | 1;
	snprintf(text, sizeof(text), "%" PRIu64, r->network);
	return registry_set_setting(r->registry, "network", text) == 0;
}

static bool choose_overlay(struct run *r, unsigned i, char why[static 512])
{
	const char *name = i ? "overlay_v6" : "overlay_v4";
	const struct settings *s = r->s;
	char text[ADDR_TEXT];
	uint8_t random[5];

	if (registry_setting(r->registry, name, text, sizeof(text)) &&
	    prefix_parse(text, &r->overlay[i])) {
		if (!s->overlay_given[i] ||
		    prefix_eq(&s->overlay[i], &r->overlay[i]))
			return true;
		snprintf(why, 512, "the overlay range %s was fixed at the first "
			 "start; nodes have addresses in it, so leave "
			 "--overlay-v%d out", text, i ? 6 : 4);
		return false;
	}
	rand_bytes(random, sizeof(random));
	r->overlay[i] = i && !s->overlay_given[1] ? ipam_random_ula(random) :
						    s->overlay[i];
	return true;
}

static bool choose_overlays(struct run *r, char why[static 512])
{
	const char *wrong;
	char text[ADDR_TEXT];

	if (!choose_overlay(r, 0, why) || !choose_overlay(r, 1, why))
		return false;
	wrong = ipam_ranges_valid(r->overlay);
	snprintf(why, 512, "%s", wrong ? wrong : registry_error(r->registry));
	return !wrong &&
	       !registry_set_setting(r->registry, "overlay_v4",
				     prefix_text(&r->overlay[0], text)) &&
	       !registry_set_setting(r->registry, "overlay_v6",
				     prefix_text(&r->overlay[1], text));
}

static bool open_state(struct run *r, char why[static 512])
{
	char path[PATH_MAX + 16];
	int err = file_make_dir(r->s->state, 0700);

	if (err) {
		snprintf(why, 512, "cannot make the state folder %.300s: %s",
			 r->s->state, strerror(-err));
		return false;
	}
	if (!load_keys(r, why) || !in_state(r, "cert.pem", r->cert, sizeof(r->cert)) ||
	    !in_state(r, "key.pem", r->key, sizeof(r->key)) ||
	    !in_state(r, "coord.db", path, sizeof(path)))
		return false;
	r->registry = registry_open(path, why);
	if (!r->registry)
		return false;
	if (choose_network(r))
		return choose_overlays(r, why);
	snprintf(why, 512, "%.200s: %.200s", path, registry_error(r->registry));
	return false;
}

/* ---- where nodes find us ---- */

static bool is_any(const struct ipaddr *a)
{
	return ipaddr_class(a) == ADDR_CLASS_UNSPECIFIED;
}

/* The address that this machine would send from; connect() of UDP sends nothing. */
static struct ipaddr own_address(void)
{
	struct endpoint far = { .ip = ipaddr_v4(0xc0000201), .port = 9 }, e = { 0 };
	struct sockaddr_storage ss;
	socklen_t n = endpoint_to_sockaddr(&far, false, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&ss, n) == 0) {
		n = sizeof(ss);
		if (getsockname(fd, (struct sockaddr *)&ss, &n) < 0 ||
		    !endpoint_from_sockaddr(&ss, &e))
			e.ip = ipaddr_v4(0x7f000001);
	} else {
		e.ip = ipaddr_v4(0x7f000001);
	}
	if (fd >= 0)
		close(fd);
	return e.ip;
}

static void choose_url(struct run *r, uint16_t port)
{
	struct endpoint e = { .ip = r->listen.ip, .port = port };
	char text[ADDR_TEXT];

	if (is_any(&e.ip))
		e.ip = own_address();
	if (r->s->url[0])
		snprintf(r->url, sizeof(r->url), "%s", r->s->url);
	else
		snprintf(r->url, sizeof(r->url), "https://%s",
			 endpoint_text(&e, text));
}

static void find_relay_addresses(struct run *r)
{
	struct ipaddr a[RESOLVE_MAX];
	char host[URL_HOST];
	unsigned n = 1;
	uint16_t port;

	if (!url_parse(r->url, host, &port))
		return;
	if (!ipaddr_parse(host, &a[0]))
		n = resolve_wait(host, a);
	for (unsigned i = n; i-- > 0;) {
		struct endpoint e = { .ip = a[i], .port = r->s->udp_port };

		r->here.at[ipaddr_is_v4(&a[i]) ? 0 : 1] = e;
	}
}

static void describe_relay(struct run *r)
{
	r->here.id = RELAYS_OWN_ID;
	strcpy(r->here.name, "coord");
	snprintf(r->here.url, sizeof(r->here.url), "%s", r->url);
	key_public_of(&r->relay_key, &r->here.key);
	if (endpoint_is_zero(&r->s->relay[0]) && endpoint_is_zero(&r->s->relay[1]))
		find_relay_addresses(r);
	for (unsigned i = 0; i < 2; i++) {
		if (endpoint_is_zero(&r->s->relay[i]))
			continue;
		r->here.at[i] = r->s->relay[i];
		if (!r->here.at[i].port)
			r->here.at[i].port = r->s->udp_port;
	}
	if (endpoint_is_zero(&r->here.at[0]) && endpoint_is_zero(&r->here.at[1]))
		log_warn("relay: the host of %s does not resolve, so nodes are told "
			 "of no relay; give --relay-address", r->url);
}

/* ---- parts ---- */

static bool start_relay(struct run *r, char why[static 512])
{
	struct relay_service_params p = { .address_count = 1,
					  .port = r->s->udp_port,
					  .key = r->relay_key,
					  .network = r->network };

	if (!is_any(&r->listen.ip))
		p.addresses[0] = r->listen.ip;
	sign_public_of(&r->sign, &p.coord);
	r->relay = relay_service_start(&p, why);
	key_private_wipe(&p.key);
	if (!r->relay)
		return false;
	snprintf(why, 512, "out of memory");
	r->tls = tlsservice_new(&r->loop, r->relay);
	return r->tls && tlsservice_serve(r->tls, server_streams(r->server));
}

static void on_removed(void *owner, const struct key_public *tunnel)
{
	struct run *r = owner;

	relay_service_remove(r->relay, tunnel);
}

static void on_joined(void *owner, const struct key_public *tunnel)
{
	struct run *r = owner;

	relay_service_readmit(r->relay, tunnel);
}

static bool start_server(struct run *r, char why[static 512])
{
	struct server_params p = {
		.loop = &r->loop, .registry = r->registry, .listen = r->listen,
		.cert_path = r->cert, .key_path = r->key, .key = &r->channel,
		.sign = &r->sign, .network = r->network,
		.overlay = { r->overlay[0], r->overlay[1] },
		.owner = r, .node_removed = on_removed,
		.node_joined = on_joined,
	};

	choose_url(r, r->listen.port);
	describe_relay(r);
	p.relays[0] = r->here;
	p.relay_count = !endpoint_is_zero(&r->here.at[0]) ||
			!endpoint_is_zero(&r->here.at[1]);
	r->server = server_new(&p, why);
	return r->server != NULL;
}

/* Both families on one socket; a machine without IPv6 gets IPv4. */
static bool start_server_anywhere(struct run *r, char why[static 512])
{
	r->listen = r->s->listen;
	if (r->s->listen_given)
		return start_server(r, why);
	r->listen.ip = ipaddr_from_v6((const uint8_t[16]){ 0 });
	if (start_server(r, why))
		return true;
	r->listen.ip = ipaddr_v4(0);
	return start_server(r, why);
}

static void on_stop(struct loop_signal *s, nsec_t now)
{
	(void)now;
	loop_stop(s->loop);
}

/* on_hangup() - read the file again; what else than the log level changed waits for a
 * restart */
static void on_hangup(struct loop_signal *s, nsec_t now)
{
	struct run *r = container_of(s, struct run, hangup);
	struct settings fresh = *r->s;
	char why[512];

	(void)now;
	if (fresh.config[0] && !settings_read(&fresh, fresh.config, why)) {
		log_error("the configuration was not reloaded: %s", why);
		return;
	}
	log_init("adit-coord", fresh.log_level);
	log_info("configuration reloaded: the log level is in effect, the rest "
		 "is after a restart");
}

static void on_watchdog(struct loop_timer *t, nsec_t now)
{
	struct run *r = container_of(t, struct run, watchdog);
	struct relay_service_stats st;

	relay_service_stats(r->relay, &st); /* waits for ever on a stuck relay */
	notify_state("WATCHDOG=1");
	loop_timer_at(t, now + notify_watchdog());
}

static void fill_metrics(void *owner, struct metrics *m)
{
	struct run *r = owner;
	struct relay_service_stats relay;
	struct server_stats st;

	server_stats(r->server, &st);
	relay_service_stats(r->relay, &relay);
	coord_figures_fill(m, &st, &relay);
}

static bool start_metrics(struct run *r, char why[static 512])
{
	struct scrape_params p = { .loop = &r->loop, .at = r->s->metrics,
				   .owner = r, .fill = fill_metrics };

	if (!r->s->metrics[0])
		return true;
	r->scrape = scrape_new(&p, why);
	return r->scrape != NULL;
}

static bool start_watchdog(struct run *r, char why[static 512])
{
	snprintf(why, 512, "out of memory");
	if (!notify_watchdog())
		return true;
	if (loop_timer_init(&r->loop, &r->watchdog, on_watchdog))
		return false;
	loop_timer_at(&r->watchdog, time_now());
	return true;
}

static bool start_admin(struct run *r, char why[static 512])
{
	struct admin_params p = { .loop = &r->loop, .path = r->s->socket,
				  .server = r->server, .registry = r->registry,
				  .key = &r->channel_public, .url = r->url };

	sign_public_of(&r->sign, &p.sign);
	r->admin = admin_new(&p, why);
	return r->admin != NULL;
}

static bool start_loop(struct run *r, char why[static 512])
{
	snprintf(why, 512, "no memory, or no random numbers");
	return key_setup() == 0 && loop_init(&r->loop) == 0 &&
	       loop_signal_add(&r->loop, &r->terminate, SIGTERM, on_stop) == 0 &&
	       loop_signal_add(&r->loop, &r->interrupt, SIGINT, on_stop) == 0 &&
	       loop_signal_add(&r->loop, &r->hangup, SIGHUP, on_hangup) == 0;
}

static void stop(struct run *r)
{
	scrape_free(r->scrape);
	admin_free(r->admin);
	server_free(r->server);
	tlsservice_free(r->tls);
	relay_service_stop(r->relay);
	registry_close(r->registry);
	if (r->loop.base) {
		loop_timer_done(&r->watchdog);
		loop_signal_del(&r->hangup);
		loop_signal_del(&r->terminate);
		loop_signal_del(&r->interrupt);
	}
	loop_done(&r->loop);
	key_private_wipe(&r->channel);
	key_private_wipe(&r->relay_key);
	sign_private_wipe(&r->sign);
}

bool run_server(const struct settings *s, char why[static 512])
{
	struct run r = { .s = s };
	bool ok = start_loop(&r, why) && open_state(&r, why) &&
		  start_server_anywhere(&r, why) && start_relay(&r, why) &&
		  start_admin(&r, why) && start_metrics(&r, why) &&
		  start_watchdog(&r, why);

	if (ok) {
		log_info("listening on port %u, relay and STUN on UDP %u and %u; "
			 "nodes reach us at %s",
			 server_port(r.server), s->udp_port, s->udp_port + 1, r.url);
		notify_state("READY=1");
		loop_run(&r.loop);
		notify_state("STOPPING=1");
	}
	stop(&r);
	return ok;
}
