//! Runs a program and measures it.

#![allow(unsafe_code, reason = "the standard library does not return what a child used")]

use std::mem::MaybeUninit;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// What a program used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used {
    /// From its start to its end.
    pub(crate) time: Duration,
    /// The time that its threads ran.
    pub(crate) cpu: Duration,
    /// The largest resident set in bytes.
    pub(crate) memory: u64,
    /// Whether it was stopped at the limit.
    pub(crate) stopped: bool,
}

/// Runs a program without input, discards its output, and stops it at the limit.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Used, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("cannot run {name}: {error}"))?;
    let pid = libc::pid_t::try_from(child.id()).map_err(|error| error.to_string())?;
    let (ended, end) = mpsc::channel();
    let waiter = std::thread::spawn(move || {
        let (mut status, mut usage) = (0, MaybeUninit::<libc::rusage>::zeroed());
        // SAFETY: both pointers are valid for writes, and all zeros are a valid `rusage`.
        let found = unsafe { libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()) };
        let time = start.elapsed();
        // SAFETY: as above.
        let usage = unsafe { usage.assume_init() };
        // The receiver waits for this message.
        let _ = ended.send(());
        (found, status, usage, time)
    });
    let stopped = end.recv_timeout(limit).is_err();
    if stopped {
        child.kill().map_err(|error| error.to_string())?;
    }
    let (found, status, usage, time) = waiter.join().map_err(|_| "the waiting thread panicked".to_owned())?;
    if found != pid || !(stopped || libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0) {
        return Err(format!("{name} failed"));
    }
    let ran = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default())
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or_default())
    };
    let cpu = ran(usage.ru_utime) + ran(usage.ru_stime);
    Ok(Used { time, cpu, memory: u64::try_from(usage.ru_maxrss).unwrap_or_default() * 1024, stopped })
}
