//! `netpol report`: the file, and the page in a real browser.
//!
//! `NETPOL_BLESS=1` writes the screenshot of the README, `docs/report.webp`. Every run writes others to `target/report`.

pub(crate) mod browser;
mod file;
pub(crate) mod looks;
mod made;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::command::{Ran, netpol_reading};
use crate::support::root;

/// The time of pages whose bytes are compared.
const TIME: &str = "2026-11-22T16:16:10Z";

/// Writes a page of some input, and returns its folder and its path.
fn written(args: &[&str], input: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let ran = report(&[&["-o", file.to_str().unwrap()], args].concat(), input);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{}", ran.err);
    (folder, file)
}

fn report(args: &[&str], input: &str) -> Ran {
    netpol_reading(&[&["report", "--time", TIME], args].concat(), input.as_bytes())
}

/// Returns the file of a screenshot that is looked at, but not compared.
fn picture(name: &str) -> PathBuf {
    root().join("target/report").join(name)
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}
