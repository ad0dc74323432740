//! Writes all bodies to a folder, for load tools and for inspection.

use std::path::PathBuf;
use std::process::ExitCode;

use netpol_benches::{bodies, cases, worst};

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: bodies FOLDER");
        return ExitCode::FAILURE;
    };
    let reviews = bodies::all(cases::guard().canons.first()).into_iter().map(|body| (body.name, body.bytes));
    let worst = worst::NAMES.into_iter().filter_map(|name| Some((name, worst::body(name, bodies::LARGEST)?)));
    for (name, bytes) in reviews.chain(worst) {
        let path = folder.join(format!("{}.json", name.replace('/', ".")));
        if let Err(error) = std::fs::write(&path, &bytes) {
            eprintln!("{}: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("{:>8}  {}", bytes.len(), path.display());
    }
    ExitCode::SUCCESS
}
