//! The machine: the use of its cores, and the load of other processes.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of the measured server.
pub(crate) const SERVER: usize = 0;
/// The core of the client.
pub(crate) const LOAD: usize = 1;

/// The maximum share of a core that other processes may use during a round.
pub(crate) const MOST_FOREIGN: f64 = 0.06;

/// Pins this thread, and the processes that it starts, to a core.
pub(crate) fn run_on(core: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| format!("cannot use core {core}, two cores are needed: {error}"))
}

/// Raises the limit of open files of this process and its children to the maximum.
pub(crate) fn open_many_files() -> Result<(), String> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(|error| format!("cannot open many files: {error}"))
}

/// Returns the CPU time of the threads of a process, as counted by the scheduler.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let ran = |task: fs::DirEntry| -> Option<u64> {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(Result::ok).filter_map(ran).sum())
}

/// Returns the CPU time of the children of this process that have exited.
fn cpu_of_exited_children() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // `cutime` and `cstime` in ticks, after the name, which may contain any character.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Returns the CPU time of all cores without interrupts, which the loopback traffic of this run causes.
fn all_cpu() -> Duration {
    /// The fields of the first line that count: user, nice, system, steal.
    const COUNTED: [usize; 4] = [1, 2, 3, 8];
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = text.lines().next().unwrap_or_default().split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let ticks: u64 = COUNTED.iter().filter_map(|field| fields.get(*field)).sum();
    // A tick is 10 ms on every Linux system.
    Duration::from_millis(ticks * 10)
}

fn ours(pids: &[u32]) -> Duration {
    pids.iter().map(|pid| cpu_of(*pid)).sum::<Duration>() + cpu_of_exited_children()
}

/// Measures the load of other processes.
pub(crate) struct Watch {
    since: Instant,
    all: Duration,
    ours: Duration,
    pids: Vec<u32>,
}

impl Watch {
    /// Starts the measurement. `pids` are the processes of this run besides this one.
    pub(crate) fn begin(pids: &[u32]) -> Watch {
        let mut pids = pids.to_vec();
        pids.push(std::process::id());
        Watch { since: Instant::now(), all: all_cpu(), ours: ours(&pids), pids }
    }

    /// Returns the share of a core that other processes used since the start.
    pub(crate) fn foreign(&self) -> f64 {
        let ours = ours(&self.pids).saturating_sub(self.ours);
        let others = all_cpu().saturating_sub(self.all).saturating_sub(ours);
        others.as_secs_f64() / self.since.elapsed().as_secs_f64()
    }
}

/// Returns the value of a line of `/proc/<pid>/status` in bytes: `VmRSS`, `VmHWM`.
pub(crate) fn memory(pid: u32, what: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// Returns the model of the processor.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned())
}

/// Returns the version of the kernel.
pub(crate) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}
