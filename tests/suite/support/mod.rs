//! Helpers for several test modules.

pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod flood;
pub(crate) mod helm;
pub(crate) mod mount;
pub(crate) mod server;

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Returns the root of the package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The canon in which the findings of `netpol lint` are mended, relative to the root of the package.
pub(crate) const HARDENED: &str = "docs/examples/canon-hardened";

/// Returns the built-in canons and the hardened one.
pub(crate) fn canons() -> impl Iterator<Item = &'static str> {
    netpol::canon::BUILT_IN.into_iter().chain([HARDENED])
}

/// Returns a path in the folder of shared data: `$NETPOL_SHARED`, or `../shared` next to the package.
///
/// Prints a note and returns `None` if the path does not exist, so that the test passes. Tests that must run on every
/// clone use data of the package.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("NETPOL_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // The test runner captures `eprintln!`, but the note must be visible.
    let _ = writeln!(std::io::stderr(), "{test}: skipped, {} does not exist (NETPOL_SHARED sets the folder)", found.display());
    None
}

#[test]
fn a_missing_shared_path_is_none() {
    assert_eq!(shared("no/such/file"), None);
}
