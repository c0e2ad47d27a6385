/* SPDX-License-Identifier: MIT
 *
 * fuzz_node_conf.c - any file is taken or refused with its line; never half a crash
 *
 * Through a file, since that is how a configuration comes: one in memory.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/node_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct node_conf c;
	char path[64], why[512] = "";
	int fd = memfd_create("conf", MFD_CLOEXEC);
	int err;

	if (fd < 0)
		return 0;
	if (fchmod(fd, 0600) == 0 && write(fd, data, size) == (ssize_t)size) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		node_conf_defaults(&c);
		err = node_conf_read(&c, path, false, why);
		assert(!err || strstr(why, "; allowed "));
		assert(!err || !strncmp(why, path, strlen(path)));
		node_conf_done(&c);
	}
	close(fd);
	return 0;
}
