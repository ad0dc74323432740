//! Measures `netpol reach` as a whole process on generated clusters, next to np-guard's `netpol-analyzer list` if its path is given.

mod children;
mod page;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use netpol_benches::worlds::{self, Size};

use children::{Used, run};

const USAGE: &str = "usage: reach-performance --netpol PATH [--np-guard PATH] [--rounds N] [--limit SECONDS] [--write]
       reach-performance generate POLICIES PODS CLASSES

Measures netpol reach on generated clusters, in turn with np-guard's netpol-analyzer list, and prints a table. --write also
updates the table, the data and the chart of docs/performance.md. --limit stops a program (default: 60), which is then not run
on larger clusters. generate prints the manifests of a cluster.";

/// The clusters, in order of their size.
const SIZES: [Size; 7] = [
    Size { policies: 8, pods: 50, classes: 10 },
    Size { policies: 30, pods: 200, classes: 20 },
    Size { policies: 60, pods: 400, classes: 30 },
    Size { policies: 120, pods: 800, classes: 40 },
    Size { policies: 300, pods: 2_000, classes: 60 },
    Size { policies: 500, pods: 4_000, classes: 80 },
    Size { policies: 1_000, pods: 10_000, classes: 100 },
];

const SEED: u64 = 14;

/// What was measured on one cluster: the medians of the programs that ran.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) size: Size,
    pub(crate) netpol: Option<Used>,
    /// Of np-guard.
    pub(crate) other: Option<Used>,
}

/// All measurements.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) clusters: Vec<Measured>,
    /// `netpol reach` of the built-in canon.
    pub(crate) canon: Used,
}

struct Settings {
    netpol: PathBuf,
    other: Option<PathBuf>,
    rounds: usize,
    limit: Duration,
    write: bool,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["generate", policies, pods, classes] => generate([policies, pods, classes]),
        all => settings(all).and_then(|settings| measure(&settings)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn generate(numbers: [&str; 3]) -> Result<(), String> {
    match numbers.map(|text| text.parse::<usize>().ok().filter(|number| *number > 0)) {
        [Some(policies), Some(pods), Some(classes)] => {
            print!("{}", worlds::manifests(Size { policies, pods, classes }, SEED));
            Ok(())
        }
        _ => Err(USAGE.to_owned()),
    }
}

fn settings(arguments: &[&str]) -> Result<Settings, String> {
    let (mut netpol, mut other, mut rounds, mut limit, mut write) = (None, None, 5, 60, false);
    let mut rest = arguments.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().copied().ok_or_else(|| USAGE.to_owned());
        match *flag {
            "--netpol" => netpol = Some(PathBuf::from(value()?)),
            "--np-guard" => other = Some(PathBuf::from(value()?)),
            "--rounds" => rounds = value()?.parse().ok().filter(|rounds| *rounds > 0).ok_or(USAGE)?,
            "--limit" => limit = value()?.parse().map_err(|_| USAGE.to_owned())?,
            "--write" => write = true,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(Settings { netpol: netpol.ok_or(USAGE)?, other, rounds, limit: Duration::from_secs(limit), write })
}

fn measure(settings: &Settings) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let canon = || run(Command::new(&settings.netpol).args(["reach", "--output", "json"]), settings.limit);
    let canon = median(&(0..settings.rounds * 4).map(|_| canon()).collect::<Result<Vec<Used>, String>>()?);
    let canon = canon.ok_or("no round was measured")?;
    let (mut clusters, mut stopped) = (Vec::new(), [false; 2]);
    for size in SIZES {
        let of_size = folder.path().join(size.pods.to_string());
        let file = of_size.join("cluster.yaml");
        let text = worlds::manifests(size, SEED);
        std::fs::create_dir(&of_size).and_then(|()| std::fs::write(&file, text)).map_err(|error| error.to_string())?;
        let mut used: [Vec<Used>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..settings.rounds {
            for (program, path) in [Some(&settings.netpol), settings.other.as_ref()].into_iter().enumerate() {
                let Some(path) = path.filter(|_| !stopped[program]) else { continue };
                let mut command = Command::new(path);
                match program {
                    0 => command.args(["reach", "--output", "json", "-f"]).arg(&file),
                    _ => command.args(["list", "--quiet", "--output", "json", "--dirpath"]).arg(&of_size),
                };
                let round = run(&mut command, settings.limit)?;
                stopped[program] = round.stopped;
                used[program].push(round);
            }
        }
        let [netpol, other] = used.map(|rounds| median(&rounds));
        if netpol.is_none() && other.is_none() {
            break;
        }
        let measured = Measured { size, netpol, other };
        eprintln!("{}", page::row(&measured));
        clusters.push(measured);
    }
    let results = Results { clusters, canon };
    println!("{}", page::tables(&results));
    if settings.write { page::write(&results) } else { Ok(()) }
}

/// Returns the medians of the runs. If one was stopped, the result is that run.
fn median(runs: &[Used]) -> Option<Used> {
    if let Some(stopped) = runs.iter().find(|used| used.stopped) {
        return Some(*stopped);
    }
    let middle = |mut values: Vec<u128>| {
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    let time = |of: fn(&Used) -> Duration| {
        let nanoseconds = middle(runs.iter().map(|used| of(used).as_nanos()).collect())?;
        Some(Duration::from_nanos(u64::try_from(nanoseconds).ok()?))
    };
    let memory = middle(runs.iter().map(|used| u128::from(used.memory)).collect())?;
    let (time, cpu, memory) = (time(|used| used.time)?, time(|used| used.cpu)?, u64::try_from(memory).ok()?);
    Some(Used { time, cpu, memory, stopped: false })
}
