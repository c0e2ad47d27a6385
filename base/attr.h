/* SPDX-License-Identifier: MIT
 *
 * attr.h - compiler attributes and the few macros that every folder needs
 */
#pragma once

#include <stddef.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* container_of() - the struct that embeds this member */
#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))
