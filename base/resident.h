/* SPDX-License-Identifier: MIT
 *
 * resident.h - memory that only the start needed
 */
#pragma once

/**
 * resident_trim() - Give back what will hardly be touched again
 *
 * Self-tests and set-up run through megabytes of library code of which the packet path
 * uses little. Pages of code and constants are let go (the kernel maps them again from
 * its cache when they are wanted), and free heap returns to the kernel. From any thread;
 * Cost: about a millisecond of page faults afterwards.
 */
void resident_trim(void);
