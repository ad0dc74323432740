//! The machine: which core does what, and who else uses it.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

/// The core of the server that is measured.
pub(crate) const SERVER: usize = 0;
/// The core of the load.
pub(crate) const LOAD: usize = 1;

/// What share of a core others may use while something is measured.
pub(crate) const MOST_FOREIGN: f64 = 0.06;

/// Puts this thread, and what it starts from now on, on a core.
pub(crate) fn run_on(core: usize) -> Result<(), String> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set).map_err(|error| format!("there must be two cores, but core {core} cannot be had: {error}"))
}

/// Lets this process and its children open as many files as there may be.
pub(crate) fn open_many_files() -> Result<(), String> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).map_err(|error| format!("cannot open many files: {error}"))
}

/// The time that the threads of a process have run, as the scheduler counts it.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let ran = |task: fs::DirEntry| -> Option<u64> {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    Duration::from_nanos(tasks.filter_map(Result::ok).filter_map(ran).sum())
}

/// The time that children of this process had run which have ended since.
fn cpu_of_the_ended() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold anything: `cutime` and `cstime`, in ticks.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// What the cores have done together, but for interrupts: those of the loopback are ours.
fn all_cpu() -> Duration {
    /// Fields of the first line that count: user, nice, system, steal.
    const COUNTED: [usize; 4] = [1, 2, 3, 8];
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<u64> = text.lines().next().unwrap_or_default().split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let ticks: u64 = COUNTED.iter().filter_map(|field| fields.get(*field)).sum();
    // A tick is a hundredth of a second on every Linux.
    Duration::from_millis(ticks * 10)
}

fn ours(pids: &[u32]) -> Duration {
    pids.iter().map(|pid| cpu_of(*pid)).sum::<Duration>() + cpu_of_the_ended()
}

/// Watches for other load.
pub(crate) struct Watch {
    since: Instant,
    all: Duration,
    ours: Duration,
    pids: Vec<u32>,
}

impl Watch {
    /// Begins; `pids` are ours besides this process.
    pub(crate) fn begin(pids: &[u32]) -> Watch {
        let mut pids = pids.to_vec();
        pids.push(std::process::id());
        Watch { since: Instant::now(), all: all_cpu(), ours: ours(&pids), pids }
    }

    /// Answers how much of one core others used since.
    pub(crate) fn foreign(&self) -> f64 {
        let ours = ours(&self.pids).saturating_sub(self.ours);
        let others = all_cpu().saturating_sub(self.all).saturating_sub(ours);
        others.as_secs_f64() / self.since.elapsed().as_secs_f64()
    }
}

/// What a line of `/proc/<pid>/status` says, in bytes: `VmRSS`, `VmHWM`.
pub(crate) fn memory(pid: u32, what: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// The model of the processor.
pub(crate) fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.to_owned())
}

/// The version of the kernel.
pub(crate) fn kernel() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned()
}
