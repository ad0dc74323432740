//! Where a test with packets runs: here if this process may make network namespaces, or else in a user namespace.

use std::env;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::namespace::NetworkNamespace;

/// Set for the tests that run in a user namespace.
const INSIDE: &str = "NETPOL_TEST_USER_NAMESPACE";

/// Runs a test that makes network namespaces. If this process may not make them, the tests of this module run once in another process
/// as root of a user namespace, and the result of this test is its result there.
///
/// # Panics
/// The test fails, or network namespaces are possible in neither way. The message says what to do.
pub(super) fn on_a_network<T: FnOnce()>(test: T) {
    static POSSIBLE: OnceLock<Result<(), String>> = OnceLock::new();
    let Err(fault) = POSSIBLE.get_or_init(|| NetworkNamespace::new().map(drop).map_err(|error| error.to_string())) else { return test() };
    assert!(env::var_os(INSIDE).is_none(), "{}", sentence(fault));
    // The type of the closure has the path of the test.
    let path = std::any::type_name::<T>().trim_end_matches("::{{closure}}");
    let name = path.split_once("::").map_or(path, |(_, name)| name);
    let output = in_a_user_namespace(fault);
    let passed = output.lines().any(|line| line == format!("test {name} ... ok"));
    assert!(passed, "{name} did not pass in a user namespace:\n{output}");
}

/// Returns the output of the tests of this module in a user namespace.
fn in_a_user_namespace(fault: &str) -> &'static str {
    static OUTPUT: OnceLock<String> = OnceLock::new();
    OUTPUT.get_or_init(|| {
        let program = env::current_exe().expect("the program of the tests");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--"]).arg(program).arg("cluster::packets::").env(INSIDE, "1");
        match command.stdin(Stdio::null()).output() {
            Ok(output) => {
                let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
                if text.contains("running ") { text } else { sentence(&format!("{fault}; {text}")) }
            }
            Err(error) => sentence(&format!("{fault}; unshare: {error}")),
        }
    })
}

fn sentence(fault: &str) -> String {
    format!(
        "these tests send packets between network namespaces, which this process cannot make ({}): install util-linux and iproute2, \
         and run them as root with CAP_SYS_ADMIN and CAP_NET_ADMIN, or where users may make user namespaces",
        fault.trim()
    )
}
