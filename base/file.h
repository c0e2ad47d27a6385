/* SPDX-License-Identifier: MIT
 *
 * file.h - whole files, read with a bound and replaced atomically
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/**
 * file_read() - A whole regular file
 * @path: File
 * @max:  Octets at most
 * @out:  Heap memory, NUL-terminated behind its n octets; the caller frees
 * @n:    Octets read
 * Return: 0, -EFBIG if larger than max, or another negative errno
 */
must_check int file_read(const char *path, size_t max, char **out, size_t *n);

/**
 * file_read_secret() - As file_read(), for keys
 * Return: also -EPERM if group or others may read or write the file
 */
must_check int file_read_secret(const char *path, size_t max, char **out,
				size_t *n);

/**
 * file_replace() - Replace a file so that a crash leaves the old or the new one
 * @path: File; "PATH.tmp" is used beside it
 * @data: n octets
 * @mode: Permission bits of the new file, set before the first octet is written
 *
 * Writes, syncs the file, renames, syncs the folder.
 * Return: 0 or negative errno (-ENOSPC: the old file is intact)
 */
must_check int file_replace(const char *path, const void *data, size_t n,
			    mode_t mode);

/**
 * file_make_dir() - A folder and its missing parents
 * @path: Folder
 * @mode: Of the last one; parents get 0755
 * Return: 0 (also if it stands already) or negative errno
 */
must_check int file_make_dir(const char *path, mode_t mode);
