/* SPDX-License-Identifier: MIT
 *
 * portmap_main.c - program adit-portmap: UPnP on behalf of aditd, with nothing to lose
 *
 *   adit-portmap find|map|unmap GATEWAY LOCAL INTERNAL-PORT EXTERNAL-PORT LIFETIME
 *
 * The router's HTTP and XML are parsed here and nowhere else. Before the first octet is
 * read the process has given up root, capabilities, the right to gain any, and most
 * of memory, descriptors and time; connect() leads to the gateway alone. GATEWAY and LOCAL are
 * of one family; of IPv6 a pinhole is asked for, from LOCAL as routers demand. It holds no key: it
 * was started by exec. One line on standard output is all that it can say:
 *   found | mapped ADDRESS PORT LIFETIME | unmapped | failed ERROR
 */
#include <errno.h>
#include <grp.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/rand.h"
#include "base/time.h"
#include "traversal/ssdp.h"
#include "traversal/upnp.h"

enum {
	NOBODY = 65534,
	DESCRIPTORS = 16,
	CPU_S = 3,
	WALL_S = 10,
	ROUNDS = 3, /* searches */
	ROUND_MS = 500,
	OTHER_PORTS_FROM = 20000, /* to be tried when ours is taken */
	OTHER_PORTS = 40000,
};

struct order {
	const char *what;
	struct ipaddr gateway;
	uint32_t scope; /* of a link-local gateway: its interface */
	struct upnp_mapping m;
};

static struct order order;

static bool is_v6(void)
{
	return !ipaddr_is_v4(&order.gateway);
}

static struct endpoint gateway_at(uint16_t port)
{
	return (struct endpoint){ .ip = order.gateway, .port = port,
				  .scope = order.scope };
}

static int connect_to(int fd, const struct endpoint *to)
{
	struct sockaddr_storage ss;
	socklen_t n = endpoint_to_sockaddr(to, is_v6(), &ss);

	return (int)syscall(SYS_connect, fd, (struct sockaddr *)&ss, n);
}

/* bind_local() - the router opens for nobody but who asks */
static int bind_local(int fd)
{
	struct endpoint local = { .ip = order.m.internal.ip };
	struct sockaddr_storage ss;
	socklen_t n = endpoint_to_sockaddr(&local, is_v6(), &ss);

	return bind(fd, (struct sockaddr *)&ss, n);
}

/* connect() - in front of libc's, for the library too: the gateway and nobody else. By which
 * of its IPv6 addresses it calls itself does not matter: only one is known to be its own */
__attribute__((visibility("default"))) int
connect(int fd, const struct sockaddr *to, socklen_t n)
{
	struct sockaddr_storage ss = { 0 };
	struct endpoint e, gateway;

	if (n > sizeof(ss)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(&ss, to, n);
	if (!endpoint_from_sockaddr(&ss, &e) || ipaddr_is_v4(&e.ip) == is_v6() ||
	    (!is_v6() && !ipaddr_eq(&e.ip, &order.gateway))) {
		errno = EACCES;
		return -1;
	}
	if (is_v6() && bind_local(fd) < 0)
		return -1;
	gateway = gateway_at(e.port);
	return connect_to(fd, &gateway);
}

static bool limit(int what, rlim_t n)
{
	struct rlimit r = { n, n };

	return setrlimit(what, &r) == 0;
}

static bool drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct none[2] = { { 0 } };

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) == 0;
}

static bool drop_user(void)
{
	if (geteuid())
		return true;
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* close_files() - no more opening of any (Landlock, Linux 5.13). Run by a user of its own,
 * aditd shares that user with us, and its keys are files. Older kernels: nothing. */
static void close_files(void)
{
	struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);

	if (fd < 0)
		return;
	syscall(SYS_landlock_restrict_self, fd, 0);
	close(fd);
}

static bool drop_rights(void)
{
	if (!drop_user() || !drop_capabilities() ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	close_files();
	return true;
}

/* give_up_all() - whatever a parser gone wrong could misuse */
static bool give_up_all(void)
{
	alarm(WALL_S);
	syscall(SYS_close_range, 3u, ~0u, 0u); /* aditd's are close-on-exec anyway */
	return drop_rights() && limit(RLIMIT_CPU, CPU_S) && limit(RLIMIT_FSIZE, 0) &&
	       limit(RLIMIT_CORE, 0) && limit(RLIMIT_NPROC, 0) &&
	       limit(RLIMIT_NOFILE, DESCRIPTORS) &&
	       (!PORTMAP_MEMORY_MIB ||
		limit(RLIMIT_AS, (rlim_t)PORTMAP_MEMORY_MIB << 20));
}

/* ---- the search ---- */

/* open_socket() - for IPv6 with the address that the kernel picks: a router answers from one
 * of the same scope */
static int open_socket(void)
{
	int fd = socket(is_v6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct endpoint local = { .ip = order.m.internal.ip };
	struct sockaddr_storage ss;
	int ttl = 2;

	if (fd < 0 || is_v6())
		return fd;
	endpoint_to_sockaddr(&local, false, &ss);
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF,
		   &((struct sockaddr_in *)&ss)->sin_addr,
		   sizeof(struct in_addr));
	if (bind_local(fd) == 0)
		return fd;
	close(fd);
	return -1;
}

/* group() - where UPnP devices listen: of IPv6 on this link */
static struct endpoint group(void)
{
	static const struct ipaddr v6 = { { 0xff, 0x02, [15] = 0x0c } };

	if (is_v6())
		return (struct endpoint){ v6, SSDP_PORT, order.scope };
	return (struct endpoint){ .ip = ipaddr_v4(0xeffffffa), .port = SSDP_PORT };
}

/* search() - the gateway itself first: that teaches our own firewall to let it answer */
static void search(int fd)
{
	const struct endpoint to[] = { gateway_at(SSDP_PORT), group() };

	for (unsigned i = 0; i < ARRAY_SIZE(to) * 2; i++) {
		char text[SSDP_SEARCH_MAX];
		struct sockaddr_storage ss;
		size_t n = ssdp_write(&to[i / 2], 2 - i % 2, text);
		socklen_t len = endpoint_to_sockaddr(&to[i / 2], is_v6(), &ss);

		(void)!sendto(fd, text, n, 0, (struct sockaddr *)&ss, len);
	}
}

static bool take_answer(int fd, char *location)
{
	uint8_t m[SSDP_ANSWER_MAX + 1];
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	struct endpoint from;
	ssize_t n = recvfrom(fd, m, sizeof(m), MSG_DONTWAIT,
			     (struct sockaddr *)&ss, &len);

	return n > 0 && endpoint_from_sockaddr(&ss, &from) &&
	       ipaddr_eq(&from.ip, &order.gateway) &&
	       ssdp_parse(m, (size_t)n, &order.gateway, location);
}

/* await() - until an answer of the gateway or the end of the round */
static bool await(int fd, char *location)
{
	nsec_t end = time_now() + MSEC(ROUND_MS), now;

	while ((now = time_now()) < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, (int)((end - now) / MSEC(1)) + 1) > 0 &&
		    take_answer(fd, location))
			return true;
	}
	return false;
}

static struct upnp *find(void)
{
	char location[SSDP_LOCATION_MAX];
	int fd = open_socket();
	bool found = false;

	if (fd < 0)
		return NULL;
	for (int i = 0; i < ROUNDS && !found; i++) {
		search(fd);
		found = await(fd, location);
	}
	close(fd);
	return found ? upnp_open(location, is_v6()) : NULL;
}

/* ---- the order ---- */

static int run(struct upnp *u)
{
	struct upnp_mapping *m = &order.m;
	char ip[ADDR_TEXT];
	int e = 0;

	if (!strcmp(order.what, "find")) {
		printf("found\n");
	} else if (!strcmp(order.what, "map")) {
		e = upnp_map(u, m);
		if (!e)
			printf("mapped %s %u %u\n",
			       ipaddr_text(&m->external.ip, ip),
			       m->external.port, m->lifetime_s);
	} else {
		e = upnp_unmap(u, m);
		if (!e)
			printf("unmapped\n");
	}
	if (e)
		printf("failed %d\n", e);
	return e ? 1 : 0;
}

static bool read_number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *out <= max;
}

/* link_of() - the interface that has this address; 0: none */
static uint32_t link_of(const struct ipaddr *ip)
{
	struct ifaddrs *all, *i;
	uint32_t index = 0;

	if (getifaddrs(&all) < 0)
		return 0;
	for (i = all; i && !index; i = i->ifa_next) {
		struct sockaddr_storage ss = { 0 };
		struct endpoint e;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET6)
			continue;
		memcpy(&ss, i->ifa_addr, sizeof(struct sockaddr_in6));
		if (endpoint_from_sockaddr(&ss, &e) && ipaddr_eq(&e.ip, ip))
			index = if_nametoindex(i->ifa_name);
	}
	freeifaddrs(all);
	return index;
}

static bool read_order(char **argv)
{
	unsigned long in, ext, life;

	if (strcmp(argv[1], "find") && strcmp(argv[1], "map") &&
	    strcmp(argv[1], "unmap"))
		return false;
	order.what = argv[1];
	if (!ipaddr_parse(argv[2], &order.gateway) ||
	    !ipaddr_parse(argv[3], &order.m.internal.ip) ||
	    ipaddr_is_v4(&order.gateway) != ipaddr_is_v4(&order.m.internal.ip) ||
	    !read_number(argv[4], UINT16_MAX, &in) ||
	    !read_number(argv[5], UINT16_MAX, &ext) ||
	    !read_number(argv[6], UINT32_MAX, &life))
		return false;
	if (is_v6())
		order.scope = link_of(&order.m.internal.ip);
	order.m.internal.port = (uint16_t)in;
	order.m.external.port = (uint16_t)ext;
	order.m.lifetime_s = (uint32_t)life;
	for (unsigned i = 0; i < ARRAY_SIZE(order.m.others); i++)
		order.m.others[i] = (uint16_t)(OTHER_PORTS_FROM +
					       rand_u32() % OTHER_PORTS);
	return true;
}

int main(int argc, char **argv)
{
	struct upnp *u;
	int code;

	if (argc != 7 || !read_order(argv)) {
		fprintf(stderr, "adit-portmap: aditd runs this; it is of no use "
				"by hand\n");
		return 2;
	}
	if (!give_up_all()) {
		fprintf(stderr, "adit-portmap: cannot give up its privileges: "
				"%s\n", strerror(errno));
		return 1;
	}
	u = find();
	if (!u) {
		printf("failed 0\n");
		fflush(stdout);
		_exit(1);
	}
	code = run(u);
	upnp_close(u);
	fflush(stdout);
	_exit(code); /* at exit a leak checker would want rights that are gone */
}
