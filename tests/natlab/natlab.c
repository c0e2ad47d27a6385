/* SPDX-License-Identifier: MIT
 *
 * natlab.c - a NAT and a link of any kind between two network namespaces
 *
 *   natlab --inside a:eth0 --outside inet:v1 --external 11.1.0.2 --gateway 10.0.0.1
 *          --mapping address-port --ports sequential:1 --foreign 100 --delay 10
 *
 * Takes the device on each side that is there (one end of a veth), by a packet socket, or
 * makes a TUN device; prints "up", and carries packets until SIGTERM. A host needs a veth:
 * it would take a TUN device for a tunnel. The other end must have ARP and checksum offload
 * off (ip link set eth0 arp off; ethtool -K eth0 tx off).
 * Addresses and routes are the caller's: the inner device needs the hosts' route to
 * everywhere, the outer one a route to the external addresses. --help lists the options
 * (options.c); README.md tells how a kind of router is put together from them.
 * SIGHUP forgets all sessions and takes the next seed; SIGUSR1 prints counters.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/natlab/emulator.h"

enum {
	BURST = 64, /* packets read from one device before the other has its turn */
};

struct port {
	int fd;
	bool there; /* a packet socket at a device; else our TUN device */
	struct sockaddr_ll host; /* the last that sent */
};

static volatile sig_atomic_t ended, forget, report;

static void note(int sig)
{
	if (sig == SIGHUP)
		forget = 1;
	else if (sig == SIGUSR1)
		report = 1;
	else
		ended = 1;
}

static int complain(const char *what, const char *name)
{
	fprintf(stderr, "natlab: %s %s: %s\n", what, name, strerror(errno));
	return -1;
}

static int raise_device(const char *name)
{
	struct ifreq r = { .ifr_flags = 0 };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int status = -1;

	memcpy(r.ifr_name, name, strlen(name) + 1);
	if (s >= 0 && ioctl(s, SIOCGIFFLAGS, &r) == 0) {
		r.ifr_flags |= IFF_UP;
		status = ioctl(s, SIOCSIFFLAGS, &r);
	}
	if (s >= 0)
		close(s);
	return status;
}

/* open_packet() - a device that is there */
static int open_packet(const char *name)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_ALL),
				 .sll_ifindex = (int)if_nametoindex(name) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
	    raise_device(name) < 0)
		return complain("cannot listen at", name);
	return fd;
}

static int open_tun(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	memcpy(r.ifr_name, name, strlen(name) + 1); /* options.c bounds it */
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0 || raise_device(name) < 0)
		return complain("cannot make the device", name);
	return fd;
}

static struct port open_device(const char *name)
{
	struct port p = { .fd = -1, .there = if_nametoindex(name) != 0 };

	p.fd = p.there ? open_packet(name) : open_tun(name);
	return p;
}

/* open_in() - a device of that network namespace ("": ours, which `home` holds) */
static struct port open_in(const char *ns, const char *name, int home)
{
	char path[OPTIONS_NAME + 16];
	struct port p = { .fd = -1 };
	int there;

	if (!*ns)
		return open_device(name);
	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET) < 0) {
		complain("cannot enter the namespace", ns);
		return p;
	}
	close(there);
	p = open_device(name);
	if (setns(home, CLONE_NEWNET) < 0)
		p.fd = complain("cannot come back from", ns);
	return p;
}

/* put() - a packet into its device; for a host, once it has sent one */
static void put(struct port *p, const uint8_t *m, size_t n)
{
	p->host.sll_protocol = htons(m[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6);
	if (!p->there)
		(void)!write(p->fd, m, n);
	else if (p->host.sll_halen)
		(void)!sendto(p->fd, m, n, 0, (struct sockaddr *)&p->host,
			      sizeof(p->host));
}

/* get() - a packet from a device; 0: none */
static size_t get(struct port *p, uint8_t *m)
{
	struct sockaddr_ll from = { .sll_halen = 0 };
	socklen_t len = sizeof(from);
	ssize_t n;

	if (!p->there) {
		n = read(p->fd, m, WIRE_PACKET);
		return n > 0 ? (size_t)n : 0;
	}
	n = recvfrom(p->fd, m, WIRE_PACKET, 0, (struct sockaddr *)&from, &len);
	if (n > 0)
		p->host = from;
	return n > 0 ? (size_t)n : 0;
}

static void deliver(struct emulator *e, struct port p[2], nsec_t now)
{
	static uint8_t m[WIRE_PACKET];
	enum emulator_side side;
	size_t n;

	while ((n = emulator_poll(e, m, &side, now)) > 0)
		put(&p[side], m, n);
}

static void take(struct emulator *e, struct port p[2], enum emulator_side side)
{
	static uint8_t m[WIRE_PACKET], back[WIRE_PACKET];
	nsec_t now = time_now();

	for (unsigned i = 0; i < BURST; i++) {
		size_t n = get(&p[side], m), answered;

		if (!n)
			return;
		if (side == EMULATOR_OUTSIDE) {
			emulator_arrive(e, m, n, now);
			continue;
		}
		answered = emulator_leave(e, m, n, back, now);
		if (answered)
			put(&p[side], back, answered);
	}
}

static void run(struct emulator *e, struct port p[2], const sigset_t *quiet)
{
	struct pollfd f[2] = { { p[0].fd, POLLIN, 0 }, { p[1].fd, POLLIN, 0 } };

	while (!ended) {
		nsec_t now = time_now(), next = emulator_next(e);
		nsec_t left = next > now ? next - now : 0;
		struct timespec t = { (time_t)(left / SEC(1)), (long)(left % SEC(1)) };

		if (ppoll(f, 2, next == NSEC_NEVER ? NULL : &t, quiet) > 0)
			for (unsigned i = 0; i < 2; i++)
				if (f[i].revents)
					take(e, p, (enum emulator_side)i);
		deliver(e, p, time_now());
		if (report)
			emulator_report(e, stdout, time_now());
		if (forget)
			emulator_forget(e);
		report = forget = 0;
	}
}

static void catch_signals(sigset_t *quiet)
{
	static const int signals[] = { SIGHUP, SIGUSR1, SIGTERM, SIGINT };
	struct sigaction a = { .sa_handler = note };
	sigset_t ours;

	sigemptyset(&ours);
	for (unsigned i = 0; i < 4; i++) {
		sigaction(signals[i], &a, NULL);
		sigaddset(&ours, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &ours, quiet); /* they come in ppoll() alone */
}

int main(int argc, char **argv)
{
	static struct emulator e;
	struct options o = { .help = false };
	char why[OPTIONS_WHY];
	sigset_t quiet;
	struct port p[2];
	int home;

	if (!options_parse(argc, argv, &o, why)) {
		fprintf(stderr, "natlab: %s\n", why);
		return 2;
	}
	if (o.help) {
		options_help(stdout);
		return 0;
	}
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	p[EMULATOR_INSIDE] = open_in(o.inside_ns, o.inside, home);
	if (p[EMULATOR_INSIDE].fd < 0)
		return 1;
	p[EMULATOR_OUTSIDE] = open_in(o.outside_ns, o.outside, home);
	if (p[EMULATOR_OUTSIDE].fd < 0)
		return 1;
	(void)prctl(PR_SET_TIMERSLACK, 1);
	catch_signals(&quiet);
	emulator_init(&e, &o);
	puts("up");
	fflush(stdout);
	run(&e, p, &quiet);
	emulator_report(&e, stdout, time_now());
	emulator_done(&e);
	return 0;
}
