//! Other processes: their death as a readable descriptor (pidfd_open(2)), signals that cannot reach a wrong one (pidfd_send_signal(2)),
//! and children that begin clean and with a priority of their own (sched_setscheduler(2)).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;

/// Least and greatest priority of SCHED_FIFO on Linux.
pub const FIFO: std::ops::RangeInclusive<u8> = 1..=99;

/// A descriptor of the process `pid`, readable when that has ended. It stands for this very process: a later one of the same number is
/// another. ESRCH: there is none.
pub fn open(pid: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes two numbers and touches no memory.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = RawFd::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel has just created this descriptor, close-on-exec; nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends `signal` to the process behind [`open`]'s descriptor. ESRCH: it has ended.
pub fn signal(process: BorrowedFd<'_>, signal: i32) -> Result<(), Errno> {
    let none: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: without a siginfo the call takes numbers only and touches no memory.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, none, 0) };
    Errno::result(result).map(|_| ())
}

/// The child that `command` starts blocks no signals, whatever its parent blocks, and runs with SCHED_FIFO at `priority`, if there is
/// one ([`FIFO`]). If the priority cannot be had (EPERM: needs CAP_SYS_NICE), starting it fails with that.
pub fn prepare(command: &mut Command, priority: Option<u8>) {
    let begin = move || {
        // SAFETY: an all-zero signal set and parameter are valid values of plain C types.
        let (mut mask, mut parameter) = unsafe { std::mem::zeroed::<(libc::sigset_t, libc::sched_param)>() };
        // SAFETY: the pointer is to a local that lives through the call.
        unsafe { libc::sigemptyset(&raw mut mask) };
        // SAFETY: as above, and no old mask is asked for.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut()) };
        if let Some(priority) = priority {
            parameter.sched_priority = priority.into();
            // SAFETY: as above; zero is the calling process.
            Errno::result(unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameter) })?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are made (sigemptyset, sigprocmask, a system call); nothing allocates.
    unsafe { command.pre_exec(begin) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_process_is_told_apart_signalled_and_its_end_is_seen() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = open(i32::try_from(child.id()).unwrap()).unwrap();
        signal(process.as_fd(), 0).unwrap();
        signal(process.as_fd(), libc::SIGTERM).unwrap();
        let mut poll = libc::pollfd {
            fd: process.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd.
        assert_eq!(unsafe { libc::poll(&raw mut poll, 1, 10_000) }, 1);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        assert_eq!(signal(process.as_fd(), 0), Err(Errno::ESRCH));
        assert_eq!(open(0).err(), Some(Errno::EINVAL));
    }

    #[test]
    fn a_child_blocks_nothing_and_has_its_priority() {
        let text = |command: &mut Command| String::from_utf8(command.output().unwrap().stdout).unwrap();
        let mut command = Command::new("cat");
        command.arg("/proc/self/status");
        prepare(&mut command, None);
        // SAFETY: zeroed sets are valid.
        let (mut mask, mut old) = unsafe { std::mem::zeroed::<(libc::sigset_t, libc::sigset_t)>() };
        // SAFETY: the pointer is to a local.
        unsafe { libc::sigaddset(&raw mut mask, libc::SIGTERM) };
        // SAFETY: both pointers are to locals; the mask is this thread's.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const mask, &raw mut old) };
        let status = text(&mut command);
        // SAFETY: as above; it is put back.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const old, std::ptr::null_mut()) };
        assert!(status.contains("SigBlk:\t0000000000000000"), "{status}");
        let mut command = Command::new("cat");
        command.arg("/proc/self/stat");
        prepare(&mut command, Some(7));
        match command.output() {
            Ok(output) => {
                let stat = String::from_utf8(output.stdout).unwrap();
                let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
                assert_eq!((fields[37], fields[38]), ("7", "1"), "rt_priority and policy: {stat}");
            }
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::EPERM));
                println!("SKIPPED the priority: needs CAP_SYS_NICE");
            }
        }
    }
}
