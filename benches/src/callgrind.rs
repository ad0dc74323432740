//! Counts instructions: callgrind collects only between two toggle requests.

#![allow(unsafe_code, reason = "a client request of valgrind is an instruction sequence that compilers do not generate")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Callgrind's request to toggle its collection (`VG_USERREQ_TOOL_BASE('C','T') + 2`).
const TOGGLE_COLLECT: usize = 0x4354_0002;

/// Runs `call` while callgrind collects. Outside callgrind, it only runs `call`.
#[inline(never)]
pub fn collected<R>(call: impl FnOnce() -> R) -> R {
    request(TOGGLE_COLLECT);
    let result = call();
    request(TOGGLE_COLLECT);
    result
}

/// Sends a client request without arguments. It needs no symbols, so the measured binary is stripped like the released one.
#[cfg(target_arch = "x86_64")]
fn request(number: usize) {
    let arguments = [number, 0, 0, 0, 0, 0];
    // SAFETY: valgrind reads six words at rax and returns its result in rdx. Without valgrind, the four rotations add up to 128
    // bits, and exchanging a register with itself has no effect.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            inout("rdx") 0_usize => _,
            in("rax") &raw const arguments,
            inout("rdi") 0_usize => _,
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: usize) {
    panic!("instructions are counted on x86_64 only");
}

/// Runs `program` with `arguments` under callgrind and returns the number of collected instructions. The program runs in its own
/// folder and without environment variables, because their size would change the layout of the heap.
///
/// # Errors
/// Valgrind or the program failed. The error is a sentence.
pub fn instructions(program: &Path, arguments: &[&str]) -> Result<u64, String> {
    let profile = std::env::temp_dir().join(format!("netpol-callgrind-{}", std::process::id()));
    let mut out_file = std::ffi::OsString::from("--callgrind-out-file=");
    out_file.push(&profile);
    let (Some(folder), Some(name)) = (program.parent(), program.file_name()) else {
        return Err(format!("{} is not a program", program.display()));
    };
    let output = Command::new("valgrind")
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .current_dir(folder)
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no"])
        .arg(out_file)
        .arg(Path::new(".").join(name))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    let text = std::fs::read_to_string(&profile);
    let _ = std::fs::remove_file(&profile);
    if !output.status.success() {
        return Err(format!("{arguments:?} under valgrind: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let text = text.map_err(|error| format!("no profile was written: {error}"))?;
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    totals.and_then(|number| number.trim().parse().ok()).ok_or_else(|| "the profile has no totals".to_owned())
}
