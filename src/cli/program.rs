//! What the program is called: `netpol`, or `kubectl netpol` where `kubectl` runs it as its plugin.

use std::path::Path;

/// The name of the file that `kubectl` runs for `kubectl netpol`.
const PLUGIN: &str = "kubectl-netpol";

/// Answers what people type: the name that usage and help show.
pub fn typed_name() -> &'static str {
    if file_name() == PLUGIN { "kubectl netpol" } else { "netpol" }
}

/// Answers the name of the file.
pub fn file_name() -> &'static str {
    let called = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_stem().is_some_and(|stem| stem == PLUGIN) { PLUGIN } else { "netpol" }
}
