/* SPDX-License-Identifier: MIT
 *
 * gapprobe.c - a UDP probe of fixed rate that reports every gap
 *
 *   gapprobe -l PORT                        answers each packet with itself
 *   gapprobe [-r 1000] [-t 10] [-g 50] HOST PORT
 *
 * Sends -r packets a second for -t seconds, each with its number, and waits half a
 * second for stragglers. Prints one line per run of lost packets and per pause of more
 * than -g milliseconds between answers, then one summary line:
 *
 *   gap: from 1.204 s, 37 packets lost
 *   pause: from 1.203 s, 38.1 ms
 *   sent 10000 received 9963 lost 37 duplicate 0 reordered 0 unsendable 0 longest_ms 38.1
 *
 * longest_ms is the longest time without any answer, from the first packet sent to the
 * last answer. SIGINT or SIGTERM ends the sending early; the report still comes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct probe {
	int fd;
	unsigned rate;
	uint32_t total; /* packets to send */
	uint64_t start;
	uint64_t last; /* time of the last answer */
	uint64_t gap; /* report pauses longer than that; ns */
	uint64_t longest;
	uint32_t sent, received, duplicate, reordered, unsendable, highest;
	uint8_t *seen;
};

struct packet {
	uint32_t seq;
	char fill[60];
};

static volatile sig_atomic_t ended;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int answer(const char *port)
{
	struct sockaddr_in any = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		perror("gapprobe: bind");
		return 1;
	}
	while (!ended) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		char b[2048];
		ssize_t n = recvfrom(fd, b, sizeof(b), 0,
				     (struct sockaddr *)&from, &len);

		if (n > 0)
			(void)!sendto(fd, b, (size_t)n, 0,
				      (struct sockaddr *)&from, len);
	}
	return 0;
}

static void pause_ends(struct probe *p, uint64_t now)
{
	uint64_t pause = now - p->last;

	if (pause > p->longest)
		p->longest = pause;
	if (pause > p->gap)
		printf("pause: from %.3f s, %.1f ms\n",
		       (double)(p->last - p->start) / 1e9, (double)pause / 1e6);
	p->last = now;
}

static void take(struct probe *p)
{
	struct packet k;
	uint32_t seq;

	while (recv(p->fd, &k, sizeof(k), MSG_DONTWAIT) == sizeof(k)) {
		seq = ntohl(k.seq);
		if (seq >= p->total)
			continue;
		pause_ends(p, now_ns());
		if (p->seen[seq]) {
			p->duplicate++;
			continue;
		}
		p->seen[seq] = 1;
		p->received++;
		if (seq < p->highest)
			p->reordered++;
		else
			p->highest = seq;
	}
}

static void send_one(struct probe *p)
{
	struct packet k = { .seq = htonl(p->sent) };

	if (send(p->fd, &k, sizeof(k), MSG_DONTWAIT) < 0)
		p->unsendable++;
	p->sent++;
}

/* Wait for an answer until a time. */
static void wait_until(struct probe *p, uint64_t due)
{
	for (;;) {
		uint64_t now = now_ns();
		struct pollfd f = { .fd = p->fd, .events = POLLIN };
		struct timespec t;

		if (now >= due)
			return;
		t.tv_sec = (time_t)((due - now) / 1000000000u);
		t.tv_nsec = (long)((due - now) % 1000000000u);
		if (ppoll(&f, 1, &t, NULL) > 0)
			take(p);
	}
}

static void report(struct probe *p)
{
	uint32_t first;

	for (uint32_t i = 0; i < p->sent; i++) {
		if (p->seen[i])
			continue;
		first = i;
		while (i < p->sent && !p->seen[i])
			i++;
		printf("gap: from %.3f s, %u packets lost\n",
		       (double)first / p->rate, i - first);
	}
	printf("sent %u received %u lost %u duplicate %u reordered %u "
	       "unsendable %u longest_ms %.1f\n",
	       p->sent, p->received, p->sent - p->received, p->duplicate,
	       p->reordered, p->unsendable, (double)p->longest / 1e6);
}

static int run(struct probe *p, const char *host, const char *port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))
	};
	uint64_t due;

	p->seen = calloc(p->total, 1);
	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!p->seen || inet_pton(AF_INET, host, &to.sin_addr) != 1 ||
	    p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("gapprobe: connect");
		return 1;
	}
	p->start = p->last = now_ns();
	while (p->sent < p->total && !ended) {
		due = p->start + (uint64_t)p->sent * 1000000000u / p->rate;
		wait_until(p, due);
		send_one(p);
	}
	due = now_ns();
	wait_until(p, due + 500000000u);
	if (p->last < due)
		pause_ends(p, due);
	report(p);
	free(p->seen);
	return p->received == p->sent ? 0 : 3;
}

int main(int argc, char **argv)
{
	struct probe p = { .rate = 1000, .gap = 50000000 };
	struct sigaction quiet = { .sa_handler = end };
	unsigned seconds = 10;
	int c;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGINT, &quiet, NULL);
	sigaction(SIGTERM, &quiet, NULL);
	while ((c = getopt(argc, argv, "l:r:t:g:")) != -1) {
		switch (c) {
		case 'l':
			return answer(optarg);
		case 'r':
			p.rate = (unsigned)atoi(optarg);
			break;
		case 't':
			seconds = (unsigned)atoi(optarg);
			break;
		case 'g':
			p.gap = (uint64_t)atoi(optarg) * 1000000u;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 2 || !p.rate || !seconds) {
		fprintf(stderr, "usage: gapprobe -l PORT | [-r rate] [-t s] "
				"[-g ms] HOST PORT\n");
		return 2;
	}
	p.total = p.rate * seconds;
	return run(&p, argv[optind], argv[optind + 1]);
}
