/* SPDX-License-Identifier: MIT
 *
 * natlab.c - a NAT and a link of any kind between two network namespaces
 *
 *   natlab --inside a:eth0 --outside inet:v1 --external 11.1.0.2 --gateway 10.0.0.1
 *          --mapping address-port --ports sequential:1 --foreign 100 --delay 10
 *
 * Makes a TUN device on each side, prints "up", and carries packets until SIGTERM.
 * Addresses and routes are the caller's: the inner device needs the hosts' route to
 * everywhere, the outer one a route to the external addresses. --help lists the options
 * (options.c); README.md tells how a kind of router is put together from them.
 * SIGHUP forgets all sessions and takes the next seed; SIGUSR1 prints counters.
 */
#include <errno.h>
#include <fcntl.h>
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

static int open_tun(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	memcpy(r.ifr_name, name, strlen(name) + 1); /* options.c bounds it */
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) < 0 || raise_device(name) < 0)
		return complain("cannot make the device", name);
	return fd;
}

/* open_in() - a TUN device in that network namespace ("": ours, which `home` holds) */
static int open_in(const char *ns, const char *name, int home)
{
	char path[OPTIONS_NAME + 16];
	int there, fd;

	if (!*ns)
		return open_tun(name);
	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0 || setns(there, CLONE_NEWNET) < 0)
		return complain("cannot enter the namespace", ns);
	close(there);
	fd = open_tun(name);
	if (setns(home, CLONE_NEWNET) < 0)
		return complain("cannot come back from", ns);
	return fd;
}

static void deliver(struct emulator *e, const int fd[2], nsec_t now)
{
	static uint8_t m[WIRE_PACKET];
	enum emulator_side side;
	size_t n;

	while ((n = emulator_poll(e, m, &side, now)) > 0)
		(void)!write(fd[side], m, n);
}

static void take(struct emulator *e, const int fd[2], enum emulator_side side)
{
	static uint8_t m[WIRE_PACKET], back[WIRE_PACKET];
	nsec_t now = time_now();

	for (unsigned i = 0; i < BURST; i++) {
		ssize_t n = read(fd[side], m, sizeof(m));
		size_t answered;

		if (n <= 0)
			return;
		if (side == EMULATOR_OUTSIDE) {
			emulator_arrive(e, m, (size_t)n, now);
			continue;
		}
		answered = emulator_leave(e, m, (size_t)n, back, now);
		if (answered)
			(void)!write(fd[side], back, answered);
	}
}

static void run(struct emulator *e, const int fd[2], const sigset_t *quiet)
{
	struct pollfd f[2] = { { fd[0], POLLIN, 0 }, { fd[1], POLLIN, 0 } };

	while (!ended) {
		nsec_t now = time_now(), next = emulator_next(e);
		nsec_t left = next > now ? next - now : 0;
		struct timespec t = { (time_t)(left / SEC(1)), (long)(left % SEC(1)) };

		if (ppoll(f, 2, next == NSEC_NEVER ? NULL : &t, quiet) > 0)
			for (unsigned i = 0; i < 2; i++)
				if (f[i].revents)
					take(e, fd, (enum emulator_side)i);
		deliver(e, fd, time_now());
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
	int fd[2], home;

	if (!options_parse(argc, argv, &o, why)) {
		fprintf(stderr, "natlab: %s\n", why);
		return 2;
	}
	if (o.help) {
		options_help(stdout);
		return 0;
	}
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	fd[EMULATOR_INSIDE] = open_in(o.inside_ns, o.inside, home);
	fd[EMULATOR_OUTSIDE] = fd[0] < 0 ? -1 : open_in(o.outside_ns, o.outside, home);
	if (fd[0] < 0 || fd[1] < 0)
		return 1;
	(void)prctl(PR_SET_TIMERSLACK, 1);
	catch_signals(&quiet);
	emulator_init(&e, &o);
	puts("up");
	fflush(stdout);
	run(&e, fd, &quiet);
	emulator_report(&e, stdout, time_now());
	emulator_done(&e);
	return 0;
}
