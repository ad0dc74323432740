//! The name of the program: `netpol`, or `kubectl netpol` if `kubectl` runs it as a plugin.

use std::path::Path;

/// The name of the file that `kubectl` runs for `kubectl netpol`.
const PLUGIN: &str = "kubectl-netpol";

/// Returns the name that users type, for usage and help.
pub fn typed_name() -> &'static str {
    if file_name() == PLUGIN { "kubectl netpol" } else { "netpol" }
}

/// Returns the name of the executable file.
pub fn file_name() -> &'static str {
    let called = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called).file_stem().is_some_and(|stem| stem == PLUGIN) { PLUGIN } else { "netpol" }
}
