//! Hands the compiler's version on: instruction counts of two compilers do not compare.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc says its version");
    let version = String::from_utf8(output.stdout).expect("a version is text");
    println!("cargo::rustc-env=NETPOL_COMPILER={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
}
