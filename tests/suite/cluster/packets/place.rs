//! Where a test with packets runs: here if this process may make network namespaces, or else in a user namespace.

use std::env;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::namespace::NetworkNamespace;

/// Set for the tests that run in a user namespace.
const INSIDE: &str = "NETPOL_TEST_USER_NAMESPACE";

/// What the tests of this module print in a user namespace, or why they do not start there.
type Run = Result<String, String>;

/// Runs a test that makes network namespaces. If this process may not make them, the tests of this module run once in another process
/// as root of a user namespace, and the result of this test is its result there.
///
/// # Panics
/// The test fails, or network namespaces are possible in neither way. The message says what to do.
pub(super) fn on_a_network<T: FnOnce()>(test: T) {
    static POSSIBLE: OnceLock<Result<(), String>> = OnceLock::new();
    let Err(fault) = POSSIBLE.get_or_init(|| NetworkNamespace::new().map(drop).map_err(|error| error.to_string())) else { return test() };
    assert!(!is_user_namespace(), "{}", sentence(fault));
    // The type of the closure has the path of the test.
    let path = std::any::type_name::<T>().trim_end_matches("::{{closure}}");
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    if let Err(message) = result(name, fault, in_a_user_namespace()) {
        panic!("{message}");
    }
}

/// Returns whether this process runs the tests in a user namespace.
pub(super) fn is_user_namespace() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs the tests of this module in a user namespace, once.
fn in_a_user_namespace() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let program = env::current_exe().expect("the program of the tests");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--"]).arg(program).arg("cluster::packets::").env(INSIDE, "1");
        let output = command.stdin(Stdio::null()).output().map_err(|error| format!("unshare: {error}"))?;
        Ok([output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
    })
}

/// Returns the result of a test from the run in a user namespace; the error is the message for its failure. `fault` is why this
/// process makes no network namespaces.
fn result(name: &str, fault: &str, run: &Run) -> Result<(), String> {
    match run {
        Ok(output) if output.lines().any(|line| line == format!("test {name} ... ok")) => Ok(()),
        // The test runner has started, so there is a user namespace.
        Ok(output) if output.lines().any(|line| line.starts_with("running ")) => {
            Err(format!("{name} did not pass in a user namespace:\n{output}"))
        }
        Ok(reason) | Err(reason) => Err(sentence(&format!("{}; {}", fault.trim(), reason.trim()))),
    }
}

fn sentence(fault: &str) -> String {
    format!(
        "these tests send packets between network namespaces, which this process cannot make ({}): install util-linux and iproute2, \
         and run them as root with CAP_SYS_ADMIN and CAP_NET_ADMIN, or where users may make user namespaces",
        fault.trim()
    )
}

/// The reason why a process that is not root makes no network namespace, as `unshare` says it.
const NOT_ROOT: &str = "unshare: unshare failed: Operation not permitted\n";

#[test]
fn a_test_has_the_result_that_it_has_in_a_user_namespace() {
    let output = "\nrunning 2 tests\ntest a::good ... ok\ntest a::bad ... FAILED\n".to_owned();
    let run = Ok(output.clone());
    assert_eq!(result("a::good", NOT_ROOT, &run), Ok(()));
    for name in ["a::bad", "a::go", "a::missing"] {
        assert_eq!(result(name, NOT_ROOT, &run), Err(format!("{name} did not pass in a user namespace:\n{output}")));
    }
}

#[test]
fn without_root_and_user_namespaces_the_message_has_both_reasons_and_says_what_to_do() {
    let not_allowed = Ok(NOT_ROOT.to_owned());
    let full = Ok("unshare: unshare failed: No space left on device\n".to_owned());
    let not_installed = Err("unshare: No such file or directory (os error 2)".to_owned());
    for (run, reason) in [
        (not_allowed, "unshare: unshare failed: Operation not permitted"),
        (full, "unshare: unshare failed: No space left on device"),
        (not_installed, "unshare: No such file or directory (os error 2)"),
    ] {
        assert_eq!(
            result("a::good", NOT_ROOT, &run),
            Err(format!(
                "these tests send packets between network namespaces, which this process cannot make \
                 (unshare: unshare failed: Operation not permitted; {reason}): install util-linux and iproute2, and run them as root \
                 with CAP_SYS_ADMIN and CAP_NET_ADMIN, or where users may make user namespaces"
            ))
        );
    }
}
