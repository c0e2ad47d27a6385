/* SPDX-License-Identifier: MIT
 *
 * sandbox.c - which system calls aditd may still make once it runs (seccomp)
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <seccomp.h>

/* What a turn needs, what malloc() and mutexes need, what ends a thread or reports a
 * crash. */
static const int worker_calls[] = {
	SCMP_SYS(read),		 SCMP_SYS(readv),
	SCMP_SYS(write),	 SCMP_SYS(writev),
	SCMP_SYS(recvmsg),	 SCMP_SYS(recvmmsg),
	SCMP_SYS(sendmsg),	 SCMP_SYS(sendmmsg),
	SCMP_SYS(epoll_wait),	 SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),	 SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(getrandom),
	SCMP_SYS(sched_yield),	 SCMP_SYS(brk),
	SCMP_SYS(mmap),		 SCMP_SYS(munmap),
	SCMP_SYS(mremap),	 SCMP_SYS(mprotect),
	SCMP_SYS(madvise),	 SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),	 SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),	 SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),	 SCMP_SYS(gettid),
	SCMP_SYS(tgkill),	 SCMP_SYS(exit),
	SCMP_SYS(exit_group),	 SCMP_SYS(getsockopt),
};

/* What no part of aditd nor a program that it starts has a use for, and what breaks
 * out of a process are made of. setresuid() and its kin are for adit-portmap: started
 * by root it becomes nobody. */
static const int denied_calls[] = {
	SCMP_SYS(ptrace),	     SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(process_madvise),
	SCMP_SYS(kcmp),		     SCMP_SYS(pidfd_getfd),
	SCMP_SYS(perf_event_open),   SCMP_SYS(bpf),
	SCMP_SYS(userfaultfd),	     SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter),    SCMP_SYS(io_uring_register),
	SCMP_SYS(add_key),	     SCMP_SYS(request_key),
	SCMP_SYS(keyctl),	     SCMP_SYS(init_module),
	SCMP_SYS(finit_module),	     SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),	     SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),	     SCMP_SYS(mount),
	SCMP_SYS(umount2),	     SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),	     SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),	     SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),	     SCMP_SYS(mount_setattr),
	SCMP_SYS(setns),	     SCMP_SYS(unshare),
	SCMP_SYS(swapon),	     SCMP_SYS(swapoff),
	SCMP_SYS(acct),		     SCMP_SYS(quotactl),
	SCMP_SYS(settimeofday),	     SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime),     SCMP_SYS(adjtimex),
	SCMP_SYS(sethostname),	     SCMP_SYS(setdomainname),
	SCMP_SYS(syslog),	     SCMP_SYS(open_by_handle_at),
	SCMP_SYS(name_to_handle_at), SCMP_SYS(lookup_dcookie),
	SCMP_SYS(personality),	     SCMP_SYS(mknod),
	SCMP_SYS(mknodat),	     SCMP_SYS(setuid),
	SCMP_SYS(setgid),
};

static int load(uint32_t others, uint32_t listed, const int *calls, size_t n)
{
	scmp_filter_ctx f = seccomp_init(others);
	int err = 0;

	if (!f)
		return -ENOMEM;
	for (size_t i = 0; !err && i < n; i++)
		err = seccomp_rule_add(f, listed, calls[i], 0);
	if (!err)
		err = seccomp_load(f);
	seccomp_release(f);
	return err;
}

int sandbox_process(void)
{
	return load(SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM), denied_calls,
		    ARRAY_SIZE(denied_calls));
}

int sandbox_worker(void)
{
	return load(SCMP_ACT_ERRNO(EPERM), SCMP_ACT_ALLOW, worker_calls,
		    ARRAY_SIZE(worker_calls));
}
