/* SPDX-License-Identifier: MIT
 *
 * resident.c - memory that is not needed all the time
 */
#include "base/resident.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/attr.h"

enum {
	LARGE = 64 * 1024, /* octets of a block that is a mapping */
};

void resident_setup(void)
{
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, LARGE);
	mallopt(M_ARENA_MAX, 1); /* packet workers allocate nothing */
}

void resident_let_go(void *block, size_t octets)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)block + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)block + octets) & ~(page - 1);

	if (block && to > from)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

void resident_fold(void *block, size_t octets)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t p = ((uintptr_t)block + page - 1) & ~(page - 1);

	for (; p + page <= (uintptr_t)block + octets; p += page)
		if (is_zero((const uint8_t *)p, page))
			madvise((void *)p, page, MADV_DONTNEED);
}

/* relocated_text() - does the loader write into this object's code? */
static bool relocated_text(const struct dl_phdr_info *o)
{
	for (unsigned i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Dyn) *d;

		if (o->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		d = (const void *)(o->dlpi_addr + o->dlpi_phdr[i].p_vaddr);
		for (; d->d_tag != DT_NULL; d++)
			if (d->d_tag == DT_TEXTREL)
				return true;
	}
	return false;
}

/* let_go() - an object's segments that nobody writes to: all is in its file */
static int let_go(struct dl_phdr_info *o, size_t size, void *arg)
{
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	if (strstr(o->dlpi_name, "vdso") || relocated_text(o))
		return 0;
	for (unsigned i = 0; i < o->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &o->dlpi_phdr[i];
		uintptr_t from = (o->dlpi_addr + p->p_vaddr) & ~(page - 1);
		uintptr_t to = o->dlpi_addr + p->p_vaddr + p->p_filesz;

		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W))
			madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void resident_trim(void)
{
	dl_iterate_phdr(let_go, NULL);
	malloc_trim(0);
}
