//! Compares the product with a server that returns a constant response, and writes the results to `docs/performance.md`.

mod answers;
mod client;
mod curves;
mod handshakes;
mod harness;
mod machine;
mod memory;
mod page;
mod process;
mod results;
mod scale;
mod tables;
mod worst;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use netpol_benches::{figures, floor};

use client::Client;
use harness::Harness;
use process::Place;
use results::{About, Results};

const USAGE: &str = "usage: performance [--quick] [--write] [SECTION...]

Measures the sections (default: all) and prints the results. --write also updates the data, the charts
and the tables of docs/performance.md. --quick runs a short trial, also on a machine with other load.

Sections: answers memory start handshakes scale worst. `page` measures nothing and writes the page from
the existing data.";

const SECTIONS: [&str; 6] = ["answers", "memory", "start", "handshakes", "scale", "worst"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        // The product and the floor are the same binary, so the compiler treats both alike.
        ["serve", ..] => return netpol::cli::main(),
        ["floor", address, folder] => match address.parse() {
            Ok(address) => floor::serve(floor::routes(), address, Path::new(folder)).map_err(|error| error.to_string()),
            Err(_) => Err(USAGE.to_owned()),
        },
        ["--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["page"] => Results::read().and_then(|results| page::write(&results)),
        all => run(all),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<(), String> {
    let (flags, sections): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|argument| argument.starts_with("--"));
    if flags.iter().any(|flag| !matches!(*flag, "--quick" | "--write")) || sections.iter().any(|section| !SECTIONS.contains(section)) {
        return Err(USAGE.to_owned());
    }
    let sections = if sections.is_empty() { SECTIONS.to_vec() } else { sections };
    let mut harness = harness(flags.contains(&"--quick"))?;
    let mut results = Results::read()?;
    let mut faults = Vec::new();
    for section in sections {
        let start = Instant::now();
        if let Err(fault) = measure(section, &mut harness, &mut results) {
            // The other sections are still measured.
            faults.push(format!("{section}: {fault}"));
        }
        eprintln!("{section}: {:.0} s", start.elapsed().as_secs_f64());
    }
    results.about = harness.about.clone();
    println!("{}", tables::all(&results)?);
    if flags.contains(&"--write") {
        results.write()?;
        page::write(&results)?;
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}

fn measure(section: &str, harness: &mut Harness, results: &mut Results) -> Result<(), String> {
    match section {
        "answers" => results.answers = answers::measure(harness)?,
        "memory" => results.memory = Some(memory::measure(harness)?),
        "start" => results.start = Some(handshakes::start(harness)?),
        "handshakes" => results.handshakes = handshakes::measure(harness)?,
        "scale" => results.scale = scale::measure(harness)?,
        _ => results.worst = worst::measure(harness)?,
    }
    Ok(())
}

fn harness(quick: bool) -> Result<Harness, String> {
    machine::open_many_files()?;
    machine::run_on(machine::LOAD)?;
    let place = Place::new()?;
    // All servers use the certificate that the first one issues.
    drop(place.product(&process::own_program()?, &[])?);
    let client = Client::new(&place.ca(), false)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let about = About {
        date: jiff::Zoned::now().date().to_string(),
        processor: machine::processor(),
        kernel: machine::kernel(),
        compiler: figures::COMPILER.to_owned(),
        quick,
        foreign: 0.0,
        thrown_away: 0,
    };
    Ok(Harness { place, runtime, client, about })
}
