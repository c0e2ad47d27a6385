/* SPDX-License-Identifier: MIT
 *
 * fleet.c - many nodes and one adit-coord, over loopback TLS: joins, a policy, a restart
 *
 *   fleet ADIT-COORD [NODES]
 *
 * The nodes speak the real protocol and count what they are told; they apply no map, for
 * all of them share one core. Big rules are read by one of them, and its time is added. Prints a figure a line; fails above the limits that are
 * given beside them.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/rand.h"
#include "base/stream.h"
#include "base/time.h"
#include "coord/admin.h"
#include "coord/invite.h"
#include "coord/proto.h"
#include "coord/rules.h"
#include "coord/text.h"
#include "crypto/channel.h"

enum {
	NODES = 1000,
	NODES_MOST = 4000,
	POLICY_NODES = 100,
	POLICY_RULES = 10000,
	BIG_RULES = 65536, /* octets of a message */
	AT_ONCE = 32, /* joins under way */
	BACKOFF_FIRST_MS = 200, /* as coord/client.c */
	BACKOFF_LAST_MS = 30000,
	PATIENCE_S = 300, /* for one phase */
};

struct fleet;

struct sim {
	struct fleet *fleet;
	struct stream *stream;
	struct channel *channel;
	struct loop_timer retry;
	struct key_private machine;
	struct key_public tunnel;
	uint64_t version, network;
	unsigned backoff_ms;
	bool joined, welcome, current, parts;
	unsigned full_maps, policies;
	unsigned online; /* bits set below */
	uint8_t sees[NODES_MOST / 8 + 64]; /* ids that are online */
};

struct fleet {
	struct loop loop;
	struct loop_timer limit;
	struct invite invite;
	char dir[64], socket[96], url[64];
	const char *program;
	unsigned port, count, started;
	pid_t server;
	bool late;
	uint64_t octets, messages;
	struct text rules; /* a message with big rules: the first to come */
	struct sim *sims;
};

static void die(const char *what)
{
	fprintf(stderr, "fleet: %s\n", what);
	exit(1);
}

/* ---- the server ---- */

static void server_exec(const struct fleet *f)
{
	char listen[32], udp[16], log[96];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL); /* it ends with us, however we end */
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", f->port);
	snprintf(udp, sizeof(udp), "%u", f->port);
	snprintf(log, sizeof(log), "%s/log", f->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(fd, STDERR_FILENO);
	execl(f->program, f->program, "--state", f->dir, "--listen", listen, "--url",
	      f->url, "--udp-port", udp, "--admin-socket", f->socket, "--log-level",
	      "warn", (char *)NULL);
	_exit(127);
}

static json_t *ask(const struct fleet *f, const char *cmd, json_t *request)
{
	char why[512];
	json_t *o;

	proto_set_text(request, "cmd", cmd);
	o = admin_ask(f->socket, request, why);
	json_decref(request);
	return o;
}

static void server_start(struct fleet *f)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	json_t *o = NULL;

	f->server = fork();
	if (f->server == 0)
		server_exec(f);
	for (unsigned i = 0; i < 1000 && !o; i++) {
		nanosleep(&pause, NULL);
		o = ask(f, "status", json_object());
	}
	if (!o)
		die("adit-coord does not answer; see the log beside its state");
	json_decref(o);
}

static void server_kill(struct fleet *f)
{
	kill(f->server, SIGKILL);
	waitpid(f->server, NULL, 0);
	unlink(f->socket);
}

/* server_ms() - processor time that it has used; peak: its memory's in KiB */
static double server_ms(const struct fleet *f, unsigned long *peak)
{
	char path[64], line[256];
	unsigned long user = 0, system = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)f->server);
	in = fopen(path, "r");
	if (in && fscanf(in, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			 "%lu %lu", &user, &system) != 2)
		user = 0;
	if (in)
		fclose(in);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)f->server);
	in = fopen(path, "r");
	while (in && fgets(line, sizeof(line), in))
		sscanf(line, "VmHWM: %lu", peak);
	if (in)
		fclose(in);
	return (double)(user + system) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

/* queued_ms() - how long a process has waited for a processor; 0: the kernel does not say */
static double queued_ms(pid_t pid)
{
	char path[64];
	double ns = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	in = fopen(path, "r");
	if (in && fscanf(in, "%*f %lf", &ns) != 1)
		ns = 0;
	if (in)
		fclose(in);
	return ns / 1e6;
}

/* ---- a node ---- */

static void sim_start(struct sim *s);

static void sim_retry(struct sim *s)
{
	unsigned wait = (unsigned)(rand_u64() % s->backoff_ms);

	channel_free(s->channel);
	s->channel = NULL;
	s->stream = NULL;
	s->welcome = s->current = s->parts = false;
	s->backoff_ms = 2 * s->backoff_ms < BACKOFF_LAST_MS ? 2 * s->backoff_ms :
							      BACKOFF_LAST_MS;
	loop_timer_at(&s->retry, nsec_add(time_now(), MSEC(wait)));
}

static void send_login(struct sim *s)
{
	json_t *o = proto_new(s->joined ? PROTO_LOGIN : PROTO_JOIN);

	if (!s->joined)
		proto_set_octets(o, "secret", s->fleet->invite.secret,
				 INVITE_SECRET_OCTETS);
	proto_set_key(o, "tunnel", &s->tunnel);
	proto_set_text(o, "hostname", "sim");
	proto_set_bool(o, "fast_aes", true);
	proto_set_number(o, "instance", (uint64_t)(s - s->fleet->sims) + 1);
	proto_set_number(o, "network", s->network);
	proto_set_number(o, "version", s->version);
	proto_set_bool(o, "brief", true);
	proto_send(s->stream, s->channel, o);
}

static void publish(struct sim *s)
{
	unsigned i = (unsigned)(s - s->fleet->sims);
	json_t *o = proto_new(PROTO_PUBLISH);
	char at[48];

	snprintf(at, sizeof(at), "198.18.%u.%u:24100", i / 256, i % 256);
	proto_set_number(o, "generation", 1);
	json_object_set_new(o, "candidates",
			    json_pack("[{s:s,s:s}]", "at", at, "kind", "host"));
	json_object_set_new(o, "rtt", json_pack("[i]", 20));
	json_object_set_new(o, "routes", json_array());
	proto_send(s->stream, s->channel, o);
}

static void see(struct sim *s, uint64_t id, bool online)
{
	uint8_t bit = (uint8_t)(1u << id % 8);
	uint8_t *at = &s->sees[id / 8];

	if (id / 8 >= sizeof(s->sees) || !!(*at & bit) == online)
		return;
	*at ^= bit;
	s->online += online ? 1 : -1u;
}

static void forget_all(struct sim *s)
{
	memset(s->sees, 0, sizeof(s->sees));
	s->online = 0;
}

static void take_map(struct sim *s, const json_t *o)
{
	bool full = proto_bool(o, "full");
	json_t *peer, *id;
	size_t i;

	if (!full && proto_number(o, "from") != s->version)
		die("a delta does not fit");
	if ((full && !s->parts) || proto_bool(o, "reset"))
		forget_all(s);
	s->full_maps += full && !s->parts;
	s->parts = full && proto_bool(o, "more");
	json_array_foreach(json_object_get(o, "peers"), i, peer)
		see(s, proto_number(peer, "id"), proto_bool(peer, "online"));
	json_array_foreach(json_object_get(o, "removed"), i, id)
		see(s, (uint64_t)json_integer_value(id), false);
	json_array_foreach(json_object_get(o, "online"), i, id)
		see(s, (uint64_t)json_integer_value(id), true);
	json_array_foreach(json_object_get(o, "offline"), i, id)
		see(s, (uint64_t)json_integer_value(id), false);
	if (proto_number(o, "version"))
		s->version = proto_number(o, "version");
	if (proto_number(o, "network"))
		s->network = proto_number(o, "network");
	s->policies += json_is_object(json_object_get(o, "rules"));
	s->current = !s->parts;
}

/* take_big_rules() - they come in a part that leaves the version as it was */
static bool take_big_rules(struct sim *s, const uint8_t *m, size_t n)
{
	static const char rules[] = "\"rules\":{";

	if (n < BIG_RULES || !memmem(m, n, rules, sizeof(rules) - 1))
		return false;
	s->policies++;
	if (!s->fleet->rules.n)
		text_add(&s->fleet->rules, m, n);
	return true;
}

/* read_rules_ms() - as one node does */
static double read_rules_ms(const struct fleet *f)
{
	nsec_t start = time_now();
	enum proto_type type;
	unsigned skipped = 0;
	json_t *o = proto_parse(f->rules.p, f->rules.n, PROTO_MESSAGE_MAX, &type);
	struct rules *r = o ? rules_read(json_object_get(o, "rules"), &skipped) : NULL;

	if (!r || r->allow_count < POLICY_RULES || skipped)
		die("the rules that came are not those of the policy");
	rules_free(r);
	json_decref(o);
	return (double)nsec_since(start, time_now()) / 1e6;
}

static void take(struct sim *s, enum proto_type type, const json_t *o)
{
	if (type == PROTO_ERROR)
		die(proto_text(o, "text"));
	if (type == PROTO_WELCOME) {
		s->joined = s->welcome = true;
		s->backoff_ms = BACKOFF_FIRST_MS;
		publish(s);
	}
	if (type == PROTO_NETMAP)
		take_map(s, o);
	if (type == PROTO_PROBE)
		proto_send(s->stream, s->channel, proto_new(PROTO_PROBE));
}

static void on_opened(void *owner, struct stream *stream)
{
	static const char hello[] = "{\"v\":1}";
	uint8_t m[CHANNEL_FIRST + sizeof(hello)];
	struct sim *s = owner;
	size_t n;

	s->channel = channel_new_client(&s->machine, &s->fleet->invite.server);
	n = channel_write_handshake(s->channel, hello, sizeof(hello) - 1, m,
				    sizeof(m));
	if (!n || !stream_send(stream, m, n))
		die("no memory");
}

static void on_message(void *owner, struct stream *stream, uint8_t *m, size_t n)
{
	struct sim *s = owner;
	enum proto_type type = PROTO_UNKNOWN;
	uint8_t hello[CHANNEL_PAYLOAD_MAX];
	json_t *o;
	int plain;

	(void)stream;
	s->fleet->octets += n;
	s->fleet->messages++;
	if (!channel_ready(s->channel)) {
		if (channel_read_handshake(s->channel, m, n, hello, sizeof(hello)) < 0)
			die("the server's handshake is wrong");
		send_login(s);
		return;
	}
	plain = channel_open(s->channel, m, n);
	if (plain > 0 && take_big_rules(s, m, (size_t)plain))
		return;
	o = plain > 0 ? proto_parse(m, (size_t)plain, PROTO_MESSAGE_MAX, &type) : NULL;
	if (!o)
		die("the server sent something unreadable");
	take(s, type, o);
	json_decref(o);
}

static void on_closed(void *owner, struct stream *stream, const char *why)
{
	(void)stream;
	(void)why;
	sim_retry(owner);
}

static void sim_start(struct sim *s)
{
	const struct stream_events events = { s, on_opened, on_message, on_closed,
					      NULL };

	s->stream = stream_connect(&s->fleet->loop, s->fleet->url, PROTO_PATH, SEC(10),
				   0, &events);
	if (!s->stream)
		die("no memory");
}

static void on_retry(struct loop_timer *t, nsec_t now)
{
	(void)now;
	sim_start(container_of(t, struct sim, retry));
}

static void sim_init(struct sim *s, struct fleet *f)
{
	struct key_private tunnel;

	s->fleet = f;
	s->backoff_ms = BACKOFF_FIRST_MS;
	key_private_generate(&s->machine);
	key_private_generate(&tunnel);
	key_public_of(&tunnel, &s->tunnel);
	if (loop_timer_init(&f->loop, &s->retry, on_retry) < 0)
		die("no memory");
}

static void sim_done(struct sim *s)
{
	stream_free(s->stream);
	channel_free(s->channel);
	loop_timer_done(&s->retry);
}

/* ---- the fleet ---- */

static void on_limit(struct loop_timer *t, nsec_t now)
{
	(void)now;
	container_of(t, struct fleet, limit)->late = true;
}

/* run_until() - milliseconds until done() says so */
static double run_until(struct fleet *f, bool (*done)(struct fleet *), const char *what)
{
	nsec_t start = time_now();

	f->late = false;
	loop_timer_at(&f->limit, nsec_add(start, SEC(PATIENCE_S)));
	while (!f->late && !done(f))
		loop_turn(&f->loop);
	if (f->late)
		die(what);
	return (double)nsec_since(start, time_now()) / 1e6;
}

static bool all_joined(struct fleet *f)
{
	unsigned in = 0;

	for (unsigned i = 0; i < f->started; i++)
		in += f->sims[i].joined;
	while (f->started < f->count && f->started - in < AT_ONCE)
		sim_start(&f->sims[f->started++]);
	return in == f->count;
}

static bool all_current(struct fleet *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (!f->sims[i].welcome || !f->sims[i].current)
			return false;
	return true;
}

static bool all_see_all(struct fleet *f)
{
	if (!all_current(f))
		return false;
	for (unsigned i = 0; i < f->count; i++)
		if (f->sims[i].online < f->count - 1)
			return false;
	return true;
}

static bool all_have_policy(struct fleet *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (!f->sims[i].policies)
			return false;
	return true;
}

static bool all_away(struct fleet *f)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->sims[i].welcome)
			return false;
	return true;
}

static unsigned full_maps(const struct fleet *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->count; i++)
		n += f->sims[i].full_maps;
	return n;
}

static void fleet_start(struct fleet *f, const char *program, unsigned count)
{
	json_t *o;

	*f = (struct fleet){ .program = program, .count = count };
	strcpy(f->dir, "/tmp/adit-fleet-XXXXXX");
	if (!mkdtemp(f->dir) || loop_init(&f->loop) < 0 ||
	    loop_timer_init(&f->loop, &f->limit, on_limit) < 0)
		die("cannot set up");
	snprintf(f->socket, sizeof(f->socket), "%s/admin.sock", f->dir);
	f->port = 20000 + (unsigned)(rand_u64() % 10000);
	snprintf(f->url, sizeof(f->url), "https://127.0.0.1:%u", f->port);
	server_start(f);
	o = ask(f, "invite", json_pack("{s:b}", "reusable", 1));
	if (!o || invite_parse(proto_text(o, "invite"), &f->invite))
		die("no invite");
	json_decref(o);
	f->sims = calloc(count, sizeof(*f->sims));
	if (!f->sims)
		die("no memory");
	for (unsigned i = 0; i < count; i++)
		sim_init(&f->sims[i], f);
}

static void fleet_done(struct fleet *f)
{
	static const char *const names[] = { "coord.db", "coord.db-wal", "coord.db-shm",
		"channel.key", "sign.key", "relay.key", "cert.pem", "key.pem",
		"admin.sock", "log" };
	char path[128];

	server_kill(f);
	for (unsigned i = 0; i < f->count; i++)
		sim_done(&f->sims[i]);
	free(f->sims);
	text_done(&f->rules);
	loop_timer_done(&f->limit);
	loop_done(&f->loop);
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	rmdir(f->dir);
}

/* ---- what is measured ---- */

/* A busy machine must not fail us: what counts is the time that passed without that in
 * which server or nodes waited for a processor, but never less than the server's own. */
struct watch {
	nsec_t start;
	double queued, used;
};

static void watch_start(struct watch *w, const struct fleet *f)
{
	unsigned long peak;

	w->start = time_now();
	w->queued = queued_ms(getpid()) + queued_ms(f->server);
	w->used = server_ms(f, &peak);
}

static double watch_ms(const struct watch *w, const struct fleet *f)
{
	unsigned long peak;
	double used = server_ms(f, &peak) - w->used;
	double queued = queued_ms(getpid()) + queued_ms(f->server) - w->queued;
	double wall = (double)nsec_since(w->start, time_now()) / 1e6;
	double ms = wall - queued > used ? wall - queued : used;

	printf("%-28s %10.0f ms wall, %.0f ms queued, %.0f ms server\n", "", wall, queued,
	       used);
	if (2 * queued > wall)
		puts("the machine is busy: a figure below is no proof, only a floor");
	return ms;
}

static bool figure(const char *name, double value, const char *unit, double limit)
{
	bool good = limit <= 0 || value <= limit;

	printf("%-28s %10.0f %s", name, value, unit);
	if (limit > 0)
		printf("   (at most %.0f)%s", limit, good ? "" : "   NOT MET");
	putchar('\n');
	fflush(stdout);
	return good;
}

/* Every node is the target of some rules, and no two rules are the same. */
static char *big_policy(unsigned salt)
{
	char *text = malloc((size_t)POLICY_RULES * 96);
	size_t n = 0;

	for (unsigned i = 0; text && i < POLICY_RULES; i++)
		n += (size_t)snprintf(text + n, 96, "allow 10.%u.%u.0/24 to any "
				      "on tcp:%u\n", i / 200 + salt, i % 200, 1000 + i);
	return text;
}

static bool measure_policy(const char *program)
{
	static struct fleet f;
	char *text = big_policy(0);
	json_t *o;
	struct watch w;
	double ms;
	bool good;

	fleet_start(&f, program, POLICY_NODES);
	run_until(&f, all_joined, "the nodes cannot join");
	run_until(&f, all_see_all, "the nodes do not see each other");
	watch_start(&w, &f);
	o = ask(&f, "policy-set", json_pack("{s:s}", "text", text ? text : ""));
	if (!o)
		die("the policy is refused");
	json_decref(o);
	run_until(&f, all_have_policy, "the policy does not arrive");
	ms = watch_ms(&w, &f);
	figure("policy: octets to a node", (double)f.rules.n, "", 0);
	figure("policy: a node reads it in", read_rules_ms(&f), "ms", 0);
	good = figure("policy, 10000 rules, 100 nodes", ms + read_rules_ms(&f), "ms",
		      1000);
	free(text);
	fleet_done(&f);
	return good;
}

static bool measure_storm(struct fleet *f)
{
	unsigned long peak = 0;
	struct watch w;
	unsigned before;
	bool good;

	server_kill(f);
	run_until(f, all_away, "the nodes do not notice");
	before = full_maps(f);
	f->octets = f->messages = 0;
	server_start(f);
	watch_start(&w, f);
	run_until(f, all_current, "the nodes do not come back");
	good = figure("storm: all logged in", watch_ms(&w, f), "ms", 5000);
	run_until(f, all_see_all, "the nodes do not see each other");
	good &= figure("storm: all see all", watch_ms(&w, f), "ms", 5000);
	good &= full_maps(f) == before;
	figure("storm: whole maps sent", full_maps(f) - before, "", 0);
	figure("storm: messages", (double)f->messages, "", 0);
	figure("storm: octets", (double)f->octets / 1e6, "MB", 0);
	figure("storm: server's processor", server_ms(f, &peak), "ms", 0);
	figure("storm: server's memory, peak", (double)peak / 1024, "MiB", 0);
	return good;
}

static bool measure_fleet(const char *program, unsigned count)
{
	static struct fleet f;
	unsigned long peak = 0;
	bool good;

	fleet_start(&f, program, count);
	figure("nodes", count, "", 0);
	figure("join: all in", run_until(&f, all_joined, "the nodes cannot join"),
	       "ms", 0);
	run_until(&f, all_see_all, "the nodes do not see each other");
	figure("join: server's processor", server_ms(&f, &peak), "ms", 0);
	figure("join: server's memory, peak", (double)peak / 1024, "MiB", 0);
	good = measure_storm(&f);
	fleet_done(&f);
	return good;
}

int main(int argc, char **argv)
{
	unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : NODES;
	struct rlimit files = { 8192, 8192 };
	bool good;

	if (argc < 2 || count < 2 || count > NODES_MOST)
		die("usage: fleet ADIT-COORD [NODES of 2 to 4000]");
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	if (key_setup() < 0)
		die("no entropy");
	good = measure_policy(argv[1]);
	good &= measure_fleet(argv[1], count);
	return good ? 0 : 1;
}
