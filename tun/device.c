/* SPDX-License-Identifier: MIT
 *
 * device.c - /dev/net/tun with virtio-net headers and several queues
 */
#include "tun/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* linux/if_tun.h, 6.2 */
#define TUN_F_USO6 0x40
#endif

#define TUN_PATH "/dev/net/tun"

static void explain(int err, const char *name, char why[static 256])
{
	switch (err) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		snprintf(why, 256, "%s is missing: load the kernel module with "
			 "modprobe tun, or give the container this device",
			 TUN_PATH);
		break;
	case -EPERM:
	case -EACCES:
		snprintf(why, 256, "no permission to make the interface %s: run "
			 "as root or with CAP_NET_ADMIN and access to %s", name,
			 TUN_PATH);
		break;
	case -EBUSY:
		snprintf(why, 256, "the interface %s is in use by another "
			 "program: choose another with --tun", name);
		break;
	case -EINVAL:
		snprintf(why, 256, "an interface %s of another kind exists: "
			 "choose another name with --tun", name);
		break;
	default:
		snprintf(why, 256, "cannot make the interface %s: %s", name,
			 strerror(-err));
	}
}

static bool may_administer(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { 0 };

	return syscall(SYS_capget, &h, d) == 0 &&
	       d[0].effective & (1u << CAP_NET_ADMIN);
}

int device_probe(char why[static 256])
{
	int fd = open(TUN_PATH, O_RDWR | O_CLOEXEC);
	int err = fd < 0 ? -errno : may_administer() ? 0 : -EPERM;

	if (fd >= 0)
		close(fd);
	if (err)
		explain(err, "of the VPN", why);
	return err;
}

static int open_queue(struct device *d, const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR |
					IFF_MULTI_QUEUE };
	int octets = DEVICE_VNET_OCTETS, err;
	int fd = open(TUN_PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &r) < 0 ||
	    ioctl(fd, TUNSETVNETHDRSZ, &octets) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	memcpy(d->name, r.ifr_name, sizeof(d->name));
	return fd;
}

/* offer() - what the kernel may give us and will take; less on older kernels */
static int offer(struct device *d)
{
	unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	int fd = d->fd[0];

	d->uso = ioctl(fd, TUNSETOFFLOAD,
		       (unsigned long)(tso | TUN_F_USO4 | TUN_F_USO6)) == 0;
	d->tso = d->uso || ioctl(fd, TUNSETOFFLOAD, (unsigned long)tso) == 0;
	if (!d->tso && ioctl(fd, TUNSETOFFLOAD, 0ul) < 0)
		return -errno;
	return 0;
}

int device_open(struct device *d, const char *name, unsigned queues,
		char why[static 256])
{
	int err = 0;

	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; !err && i < queues; i++) {
		d->fd[i] = open_queue(d, i ? d->name : name);
		if (d->fd[i] < 0)
			err = d->fd[i];
		else
			d->queues++;
	}
	if (!err)
		err = offer(d);
	if (err) {
		explain(err, name, why);
		device_close(d);
		return err;
	}
	d->index = if_nametoindex(d->name);
	return 0;
}

void device_close(struct device *d)
{
	for (unsigned i = 0; i < d->queues; i++)
		close(d->fd[i]);
	memset(d, 0, sizeof(*d));
}

int device_read(struct device *d, unsigned queue, uint8_t *buf, size_t room)
{
	ssize_t n = read(d->fd[queue], buf, room);

	if (n >= 0)
		return (int)n;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int device_write(struct device *d, unsigned queue, const struct iovec *iov,
		 unsigned iovs)
{
	return writev(d->fd[queue], iov, (int)iovs) < 0 ? -errno : 0;
}
