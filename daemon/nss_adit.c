/* SPDX-License-Identifier: MIT
 *
 * nss_adit.c - libnss_adit.so.2: names of the network for every program of glibc
 *
 * It runs inside programs of others, privileged ones among them: it reads one file that
 * aditd keeps, with bounds, and does nothing else; libc only, no memory of its own, no
 * state. Line in /etc/nsswitch.conf:
 *
 *     hosts: files adit [NOTFOUND=return] dns
 *
 * Names that are none of ours give UNAVAIL, and the search goes on behind us. A name in
 * our domain that does not exist gives NOTFOUND, and the search ends there: it is never
 * asked outside. Without the file (aditd does not run) that holds for the default domain.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOSTS_PATH "/run/adit/hosts"
#define DOMAIN_DEFAULT "adit.internal"
#define EXPORT __attribute__((visibility("default")))

enum {
	FILE_MAX = 16 << 20, /* octets read at most */
	LINE_ROOM = 512, /* octets of a line; longer ones are skipped */
	DOMAIN_ROOM = 128,
	NAME_MAX_OCTETS = 255,
};

/* A line of the file: "ADDRESS NAME.DOMAIN NAME". */
struct line {
	int family;
	uint8_t ip[16];
	const char *full, *name; /* inside the buffer */
};

struct hosts {
	int fd;
	size_t read; /* octets so far */
	char buffer[4096];
	size_t have, at;
	char text[LINE_ROOM];
	char domain[DOMAIN_ROOM];
};

/* What is looked for, and where it goes. */
struct wanted {
	int family; /* AF_UNSPEC: both */
	char name[NAME_MAX_OCTETS + 1]; /* "": by address */
	uint8_t ip[16];
};

struct found {
	char name[LINE_ROOM]; /* canonical */
	int family[2];
	uint8_t ip[2][16];
	unsigned count;
};

static bool hosts_open(struct hosts *h)
{
	struct stat st;

	h->read = h->have = h->at = 0;
	snprintf(h->domain, sizeof(h->domain), "%s", DOMAIN_DEFAULT);
	h->fd = open(HOSTS_PATH, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (h->fd < 0)
		return false;
	if (fstat(h->fd, &st) == 0 && S_ISREG(st.st_mode))
		return true;
	close(h->fd);
	h->fd = -1;
	return false;
}

static int next_octet(struct hosts *h)
{
	ssize_t n;

	if (h->at < h->have)
		return (unsigned char)h->buffer[h->at++];
	if (h->read >= FILE_MAX)
		return EOF;
	do
		n = read(h->fd, h->buffer, sizeof(h->buffer));
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return EOF;
	h->read += (size_t)n;
	h->have = (size_t)n;
	h->at = 1;
	return (unsigned char)h->buffer[0];
}

/* next_text() - the next line, without its end; too long ones are empty */
static bool next_text(struct hosts *h)
{
	size_t n = 0;
	int c;

	while ((c = next_octet(h)) != EOF && c != '\n')
		if (n < sizeof(h->text))
			h->text[n++] = (char)c;
	if (c == EOF && n == 0)
		return false;
	h->text[n < sizeof(h->text) ? n : 0] = 0;
	return true;
}

static bool parse_line(char *text, struct line *out)
{
	char *rest, *address = strtok_r(text, " ", &rest);

	out->full = strtok_r(NULL, " ", &rest);
	out->name = strtok_r(NULL, " ", &rest);
	if (!address || !out->full || !out->name)
		return false;
	out->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	return inet_pton(out->family, address, out->ip) == 1;
}

static bool next_line(struct hosts *h, struct line *out)
{
	static const char head[] = "# adit 1 ";

	while (next_text(h)) {
		if (!strncmp(h->text, head, sizeof(head) - 1))
			snprintf(h->domain, sizeof(h->domain), "%.*s",
				 DOMAIN_ROOM - 1, h->text + sizeof(head) - 1);
		else if (h->text[0] != '#' && parse_line(h->text, out))
			return true;
	}
	return false;
}

static size_t octets_of(int family)
{
	return family == AF_INET ? 4 : 16;
}

static bool matches(const struct wanted *w, const struct line *l)
{
	if (w->family != AF_UNSPEC && l->family != w->family)
		return false;
	if (w->name[0])
		return !strcasecmp(w->name, l->full) ||
		       !strcasecmp(w->name, l->name);
	return !memcmp(w->ip, l->ip, octets_of(l->family));
}

/* in_domain() - is the name below our domain, or the domain itself? */
static bool in_domain(const char *name, const char *domain)
{
	size_t n = strlen(name), d = strlen(domain);

	if (!d || n < d || strcasecmp(name + n - d, domain))
		return false;
	return n == d || name[n - d - 1] == '.';
}

static enum nss_status look(const struct wanted *w, struct found *out)
{
	bool ours;
	struct hosts h;
	struct line l;

	out->count = 0;
	if (hosts_open(&h)) {
		while (out->count < 2 && next_line(&h, &l)) {
			if (!matches(w, &l))
				continue;
			snprintf(out->name, sizeof(out->name), "%s", l.full);
			out->family[out->count] = l.family;
			memcpy(out->ip[out->count++], l.ip, sizeof(l.ip));
			if (!w->name[0])
				break;
		}
		close(h.fd);
	}
	ours = w->name[0] && in_domain(w->name, h.domain);
	if (out->count)
		return NSS_STATUS_SUCCESS;
	return ours ? NSS_STATUS_NOTFOUND : NSS_STATUS_UNAVAIL;
}

/* exists_otherwise() - the name has an address of the other family: no data, not no name */
static bool exists_otherwise(const struct wanted *w)
{
	struct wanted any = *w;
	struct found f;

	any.family = AF_UNSPEC;
	return w->family != AF_UNSPEC && w->name[0] &&
	       look(&any, &f) == NSS_STATUS_SUCCESS;
}

static bool want_name(const char *name, int family, struct wanted *w)
{
	size_t n = strlen(name);

	memset(w, 0, sizeof(*w));
	if (n && name[n - 1] == '.')
		n--;
	if (!n || n > NAME_MAX_OCTETS)
		return false;
	memcpy(w->name, name, n);
	w->family = family;
	return true;
}

/* ---- the caller's buffer ---- */

struct room {
	char *p;
	size_t n;
};

/* take() - aligned for a pointer; NULL: too small */
static void *take(struct room *r, size_t n)
{
	size_t skip = -(uintptr_t)r->p % sizeof(void *);
	char *at = r->p + skip;

	if (skip + n < n || skip + n > r->n)
		return NULL;
	r->p = at + n;
	r->n -= skip + n;
	return at;
}

static enum nss_status too_small(int *err, int *herr)
{
	*err = ERANGE;
	*herr = NETDB_INTERNAL;
	return NSS_STATUS_TRYAGAIN;
}

static enum nss_status not_here(enum nss_status s, const struct wanted *w, int *err,
				int *herr)
{
	bool other = s == NSS_STATUS_NOTFOUND || exists_otherwise(w);

	*err = ENOENT;
	*herr = exists_otherwise(w) ? NO_DATA : HOST_NOT_FOUND;
	return other ? NSS_STATUS_NOTFOUND : s;
}

static bool fill(struct hostent *out, struct room *r, const struct found *f)
{
	size_t n = octets_of(f->family[0]), name_n = strlen(f->name) + 1;
	char **aliases = take(r, sizeof(char *));
	char **list = take(r, 2 * sizeof(char *));
	char *ip = take(r, n), *name = take(r, name_n);

	if (!aliases || !list || !ip || !name)
		return false;
	memcpy(ip, f->ip[0], n);
	memcpy(name, f->name, name_n);
	aliases[0] = NULL;
	list[0] = ip;
	list[1] = NULL;
	*out = (struct hostent){ .h_name = name, .h_aliases = aliases,
				 .h_addrtype = f->family[0],
				 .h_length = (int)n, .h_addr_list = list };
	return true;
}

static enum nss_status give(const struct wanted *w, struct hostent *out, char *buffer,
			    size_t n, int *err, int *herr)
{
	struct room r = { buffer, n };
	struct found f;
	enum nss_status s = look(w, &f);

	if (s != NSS_STATUS_SUCCESS)
		return not_here(s, w, err, herr);
	return fill(out, &r, &f) ? NSS_STATUS_SUCCESS : too_small(err, herr);
}

/* ---- what glibc calls: nss/nss.h and the manual's "NSS Module Function Internals" ---- */

EXPORT enum nss_status _nss_adit_gethostbyname3_r(const char *name, int af,
						  struct hostent *out, char *buffer,
						  size_t n, int *err, int *herr,
						  int32_t *ttl, char **canon)
{
	enum nss_status s;
	struct wanted w;

	if ((af != AF_INET && af != AF_INET6) || !want_name(name, af, &w)) {
		*err = EAFNOSUPPORT;
		*herr = NO_DATA;
		return NSS_STATUS_UNAVAIL;
	}
	s = give(&w, out, buffer, n, err, herr);
	if (s == NSS_STATUS_SUCCESS && ttl)
		*ttl = 0;
	if (s == NSS_STATUS_SUCCESS && canon)
		*canon = out->h_name;
	return s;
}

EXPORT enum nss_status _nss_adit_gethostbyname2_r(const char *name, int af,
						  struct hostent *out, char *buffer,
						  size_t n, int *err, int *herr)
{
	return _nss_adit_gethostbyname3_r(name, af, out, buffer, n, err, herr, NULL,
					  NULL);
}

EXPORT enum nss_status _nss_adit_gethostbyname_r(const char *name,
						 struct hostent *out, char *buffer,
						 size_t n, int *err, int *herr)
{
	return _nss_adit_gethostbyname3_r(name, AF_INET, out, buffer, n, err, herr,
					  NULL, NULL);
}

EXPORT enum nss_status _nss_adit_gethostbyname4_r(const char *name,
						  struct gaih_addrtuple **out,
						  char *buffer, size_t n, int *err,
						  int *herr, int32_t *ttl)
{
	struct room r = { buffer, n };
	struct gaih_addrtuple *list;
	struct wanted w;
	struct found f;
	enum nss_status s;
	char *copy;

	if (!want_name(name, AF_UNSPEC, &w)) {
		*err = EINVAL;
		*herr = NO_RECOVERY;
		return NSS_STATUS_UNAVAIL;
	}
	s = look(&w, &f);
	if (s != NSS_STATUS_SUCCESS)
		return not_here(s, &w, err, herr);
	list = take(&r, f.count * sizeof(*list));
	copy = take(&r, strlen(f.name) + 1);
	if (!list || !copy)
		return too_small(err, herr);
	strcpy(copy, f.name);
	for (unsigned i = 0; i < f.count; i++) {
		list[i] = (struct gaih_addrtuple){
			.next = i + 1 < f.count ? &list[i + 1] : NULL,
			.name = copy, .family = f.family[i] };
		memcpy(list[i].addr, f.ip[i], octets_of(f.family[i]));
	}
	if (*out)
		**out = list[0]; /* the caller's own first entry */
	else
		*out = list;
	if (ttl)
		*ttl = 0;
	return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_adit_gethostbyaddr2_r(const void *ip, socklen_t ip_n,
						  int af, struct hostent *out,
						  char *buffer, size_t n, int *err,
						  int *herr, int32_t *ttl)
{
	struct wanted w = { .family = af };

	if ((af != AF_INET && af != AF_INET6) || ip_n < octets_of(af)) {
		*err = EAFNOSUPPORT;
		*herr = NO_DATA;
		return NSS_STATUS_UNAVAIL;
	}
	memcpy(w.ip, ip, octets_of(af));
	if (ttl)
		*ttl = 0;
	return give(&w, out, buffer, n, err, herr);
}

EXPORT enum nss_status _nss_adit_gethostbyaddr_r(const void *ip, socklen_t ip_n, int af,
						 struct hostent *out, char *buffer,
						 size_t n, int *err, int *herr)
{
	return _nss_adit_gethostbyaddr2_r(ip, ip_n, af, out, buffer, n, err, herr,
					  NULL);
}
