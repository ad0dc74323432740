//! What several subjects need.

pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod helm;
pub(crate) mod mount;
pub(crate) mod server;

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Answers the root of the package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Answers a path in the folder of shared facts: `$NETPOL_SHARED`, or `../shared` beside the package.
///
/// Where there is none, it says so and answers `None`, and the test that asked passes: what must
/// hold on every clone is tested with data of the package's own.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("NETPOL_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = folder.join(path);
    if found.exists() {
        return Some(found);
    }
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Written past the capture of `eprintln!`: a test that looked at nothing must not look like one that did.
    let _ = writeln!(std::io::stderr(), "{test}: looked at nothing, there is no {} (NETPOL_SHARED names the folder)", found.display());
    None
}

#[test]
fn what_is_not_there_is_passed_over() {
    assert_eq!(shared("no/such/file"), None);
}
