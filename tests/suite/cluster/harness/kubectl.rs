//! The real `kubectl`.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A `kubectl` binary with its kubeconfig.
#[derive(Debug, Clone)]
pub(crate) struct Kubectl {
    program: PathBuf,
    home: PathBuf,
    kubeconfig: PathBuf,
}

/// The result of a command.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Output {
    /// Returns the standard output of a successful command.
    ///
    /// # Panics
    /// The command failed.
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

    /// Runs a command with `stdin` as its standard input.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>, stdin: &str) -> Output {
        let mut command = self.isolated(&self.program);
        finish(command.args(args).env("PATH", "/usr/bin:/bin"), stdin)
    }

    /// Runs a shell script with this `kubectl` and `netpol` on the PATH.
    pub(crate) fn script(&self, folder: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
        let programs = [self.program.parent(), Path::new(env!("CARGO_BIN_EXE_netpol")).parent()];
        let paths = programs.into_iter().flatten().map(Path::to_owned);
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(paths.chain(env::split_paths(&path))).expect("a PATH");
        let mut command = self.isolated(Path::new("/bin/sh"));
        command.args(["-euc", script]).current_dir(folder).env("PATH", path).envs(variables.iter().copied());
        finish(&mut command, "")
    }

    /// Returns a command without the clusters and plugins of the machine.
    fn isolated(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", &self.home).env("KUBECONFIG", &self.kubeconfig);
        command.env("KUBECACHEDIR", self.home.join("kubectl-cache"));
        command
    }
}

fn finish(command: &mut Command, stdin: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", command.get_program().display()));
    if let Some(mut pipe) = child.stdin.take() {
        // A command that does not read its input closes it.
        let _ = pipe.write_all(stdin.as_bytes());
    }
    let output = child.wait_with_output().expect("the command can be waited for");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Output { ok: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
}
