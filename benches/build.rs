//! Sets `NETPOL_COMPILER` to the version of the compiler: instruction counts of different compilers are not comparable.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("rustc --version succeeds");
    let version = String::from_utf8(output.stdout).expect("a version is text");
    println!("cargo::rustc-env=NETPOL_COMPILER={}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
}
