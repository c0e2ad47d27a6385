/* SPDX-License-Identifier: MIT
 *
 * resident.h - memory that is not needed all the time
 */
#pragma once

#include <stddef.h>

/**
 * resident_setup() - Large blocks of heap are mappings of their own, always
 *
 * Otherwise malloc() puts them between small ones as soon as one of their size was freed,
 * and clears what a mapping has as zeros: memory that nobody uses becomes resident. Once,
 * before there are threads.
 */
void resident_setup(void);

/* resident_let_go() - what a block holds is worth nothing; its whole pages go back to the
 * kernel and read as zeros when they are touched again */
void resident_let_go(void *block, size_t octets);

/* resident_fold() - whole pages of zeros go back to the kernel: the block, private memory
 * that nobody else writes to meanwhile, reads as before */
void resident_fold(void *block, size_t octets);

/**
 * resident_trim() - Give back what will hardly be touched again
 *
 * Self-tests and set-up run through megabytes of library code of which the packet path
 * uses little. Pages of code and constants are let go (the kernel maps them again from
 * its cache when they are wanted), and free heap returns to the kernel. From any thread;
 * Cost: about a millisecond of page faults afterwards.
 */
void resident_trim(void);
