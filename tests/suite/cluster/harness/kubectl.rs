//! The real `kubectl`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A `kubectl` with its kubeconfig.
#[derive(Debug, Clone)]
pub(crate) struct Kubectl {
    program: PathBuf,
    home: PathBuf,
    kubeconfig: PathBuf,
}

/// What a command ended with.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// What it printed, if it succeeded.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub(crate) fn expect(self, what: &str) -> String {
        assert!(self.ok, "{what}: {}{}", self.stdout, self.stderr);
        self.stdout
    }
}

impl Kubectl {
    pub(crate) fn new(program: PathBuf, home: &Path, kubeconfig: &Path) -> Kubectl {
        Kubectl { program, home: home.to_owned(), kubeconfig: kubeconfig.to_owned() }
    }

    /// Runs it with `stdin` as its standard input.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>, stdin: &str) -> Output {
        let mut child = Command::new(&self.program)
            .args(args)
            // The machine's own clusters and plugins are none of a test's business.
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.home)
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", self.home.join("kubectl-cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.program.display()));
        if let Some(mut pipe) = child.stdin.take() {
            // A command that reads no input closes it.
            let _ = pipe.write_all(stdin.as_bytes());
        }
        let output = child.wait_with_output().expect("kubectl is waited for");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Output { ok: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
