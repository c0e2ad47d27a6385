/* SPDX-License-Identifier: MIT
 *
 * ctllisten.h - the listening end of the control socket, at its place in the file system
 */
#pragma once

#include "base/attr.h"

/**
 * ctllisten_open() - Listen at path, making its folder; anybody may connect
 * @why: On failure: what is wrong and what to do
 * Return: a descriptor, or negative errno: -EADDRINUSE if another aditd answers there
 */
must_check int ctllisten_open(const char *path, char why[static 512]);
