//! Counts the instructions and allocations of all cases and compares them with the committed figures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use netpol_benches::allocations::{self, Counting};
use netpol_benches::figures::{self, COMPILER, Figure, Figures};
use netpol_benches::{callgrind, cases, seeds};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const USAGE: &str = "usage: instructions [--update] [PREFIX]

Measures all cases (or those whose names start with PREFIX) and fails if a case exceeds its committed
figure. --update writes the committed figures.";

/// This reference links the function into the binary.
#[used]
static SEEDS: unsafe extern "C" fn(*mut u8, usize, u32) -> isize = seeds::getrandom;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        // Each case runs in its own process, because the heap of an earlier case would affect the results.
        ["collect", case] => collect(case),
        ["allocate", case] => allocate(case),
        ["--update"] => measure("").and_then(update),
        [] => check(""),
        [prefix] if !prefix.starts_with('-') => check(prefix),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn prepared(case: &str) -> Result<cases::Call, String> {
    let call = cases::prepare(case).ok_or_else(|| format!("there is no case {case}"))?;
    // Warm up lazily created values and the heap.
    for _ in 0..4 {
        call();
    }
    Ok(call)
}

fn collect(case: &str) -> Result<(), String> {
    let call = prepared(case)?;
    callgrind::collected(|| (0..cases::calls(case)).for_each(|_| call()));
    Ok(())
}

/// Prints the allocations, the heap in bytes, and the duration of the fastest of many calls in nanoseconds.
fn allocate(case: &str) -> Result<(), String> {
    let call = prepared(case)?;
    let (allocations, ()) = allocations::count(&call);
    let (from, mut fastest) = (Instant::now(), Duration::MAX);
    while from.elapsed() < Duration::from_millis(100) {
        let start = Instant::now();
        call();
        fastest = fastest.min(start.elapsed());
    }
    println!("{} {} {}", allocations.allocations, allocations.heap, fastest.as_nanos());
    Ok(())
}

fn measure(prefix: &str) -> Result<BTreeMap<String, Figure>, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find the path of this binary: {error}"))?;
    let mut measured = BTreeMap::new();
    for case in cases::names().into_iter().filter(|case| case.starts_with(prefix)) {
        let instructions = callgrind::instructions(&program, &["collect", &case])? / cases::calls(&case);
        let (allocations, heap, nanoseconds) = allocated(&program, &case)?;
        eprintln!("{case}: {:.1} us", Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6);
        measured.insert(case, Figure { instructions, allocations, heap });
    }
    Ok(measured)
}

fn allocated(program: &Path, case: &str) -> Result<(u64, u64, u64), String> {
    let output = Command::new(program).args(["allocate", case]).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse);
    match (numbers.next(), numbers.next(), numbers.next()) {
        (Some(Ok(allocations)), Some(Ok(heap)), Some(Ok(nanoseconds))) => Ok((allocations, heap, nanoseconds)),
        _ => Err(format!("{case}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("figures.json")
}

fn update(cases: BTreeMap<String, Figure>) -> Result<(), String> {
    let figures = Figures { compiler: COMPILER.to_owned(), cases };
    let mut text = serde_json::to_string_pretty(&figures).map_err(|error| error.to_string())?;
    text.push('\n');
    std::fs::write(path(), text).map_err(|error| format!("{}: {error}", path().display()))
}

fn check(prefix: &str) -> Result<(), String> {
    let text = std::fs::read_to_string(path()).map_err(|error| format!("{}: {error}", path().display()))?;
    let mut committed: Figures = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path().display()))?;
    committed.cases.retain(|case, _| case.starts_with(prefix));
    let (table, faults) = figures::compare(&committed, &measure(prefix)?);
    println!("{table}");
    if committed.compiler != COMPILER {
        println!("built with {COMPILER}; the committed figures are from {}", committed.compiler);
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}
