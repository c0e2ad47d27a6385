/* SPDX-License-Identifier: MIT
 *
 * sandbox.h - which system calls aditd may still make once it runs (seccomp)
 *
 * Two filters. A packet worker, which reads what strangers send, has a short list of
 * what is allowed. The rest of the process has a list of what is denied: it must still
 * make devices, files and child programs. A refused call fails with EPERM. Without
 * libseccomp at build time both do nothing (sandbox_none.c); the unit's own filter
 * stays.
 */
#pragma once

#include "base/attr.h"

/* sandbox_process() - for the calling thread and all that it starts; 0 or -errno */
must_check int sandbox_process(void);

/* sandbox_worker() - for the calling thread alone; 0 or -errno */
must_check int sandbox_worker(void);
