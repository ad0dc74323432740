//! The program under test: `netpol serve` as a process, and its other commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::api::Api;
use super::kubectl::Output;
use super::plane::plane;
use super::reaper::Process;
use super::wait::until;

pub(crate) const NETPOL: &str = env!("CARGO_BIN_EXE_netpol");

/// Runs a command and waits for its exit.
pub(crate) fn netpol<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    let output = Command::new(NETPOL).args(args).env_clear().stdin(Stdio::null()).output().expect("netpol starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Output { ok: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// A running `netpol serve`.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// The HTTPS port on loopback.
    pub(crate) port: u16,
    /// A client of the admin port.
    pub(crate) admin: Api,
    pub(crate) audit_log: PathBuf,
}

impl Server {
    /// Starts a server and waits until it is ready. Adds the flags for the audit log and, unless `args` has them, for the ports.
    pub(crate) fn start<S: AsRef<str>>(name: &str, args: &[S]) -> Server {
        let mut starting = Starting::new(name, args, None);
        let (port, admin) = until("netpol serve is ready", || starting.line("ready"));
        starting.into_server(port, admin)
    }
}

/// A `netpol serve` that is not ready yet.
pub(crate) struct Starting {
    pub(crate) process: Process,
    pub(crate) audit_log: PathBuf,
    command: String,
}

impl Starting {
    /// Starts a server, with a kubeconfig if it needs a cluster.
    pub(crate) fn new<S: AsRef<str>>(name: &str, args: &[S], kubeconfig: Option<&Path>) -> Starting {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // A restarted server has its own log, because the old log contains an old ready line.
        let label = format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let reaper = &plane().reaper;
        let audit_log = reaper.folder().join(format!("{label}-audit.log"));
        let mut all: Vec<String> = vec!["serve".to_owned()];
        all.extend(args.iter().map(|arg| arg.as_ref().to_owned()));
        for (flag, value) in [("--listen", "127.0.0.1:0"), ("--admin-listen", "127.0.0.1:0"), ("--log-format", "json")] {
            if !all.iter().any(|arg| arg == flag) {
                all.extend([flag.to_owned(), value.to_owned()]);
            }
        }
        all.extend(["--audit-log".to_owned(), audit_log.display().to_string()]);
        let command = all.join(" ");
        let started = match kubeconfig {
            None => reaper.start(&label, Path::new(NETPOL), &all),
            Some(kubeconfig) => {
                let environment = [format!("KUBECONFIG={}", kubeconfig.display()), NETPOL.to_owned()];
                reaper.start(&label, Path::new("/usr/bin/env"), environment.iter().chain(&all))
            }
        };
        let process = started.unwrap_or_else(|error| panic!("cannot start netpol: {error}"));
        Starting { process, audit_log, command }
    }

    /// Returns the review port (0 if missing) and the admin port in the log line with this message.
    #[track_caller]
    pub(crate) fn line(&mut self, message: &str) -> Option<(u16, u16)> {
        assert!(self.process.ended().is_none(), "netpol {} ended: {}", self.command, self.process.tail());
        ports(&self.process.log, message)
    }

    /// Converts it into a server with these ports.
    pub(crate) fn into_server(self, port: u16, admin: u16) -> Server {
        Server { process: self.process, port, admin: Api::plain(admin), audit_log: self.audit_log }
    }
}

impl Server {
    /// Returns the lines of the audit log.
    pub(crate) fn audit_lines(&self) -> Vec<Value> {
        audit_lines(&self.audit_log)
    }

    /// Returns the metrics as text.
    pub(crate) fn metrics(&self) -> String {
        match self.admin.get("/metrics").body {
            Value::String(text) => text,
            other => panic!("metrics are text: {other}"),
        }
    }
}

/// Reads the complete lines of an audit log.
pub(crate) fn audit_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("audit line {line}: {error}"))).collect()
}

/// Returns the ports of the log line `{"message":"ready","listen":"…","admin":"…"}`.
pub(crate) fn ports(log: &Path, message: &str) -> Option<(u16, u16)> {
    let text = std::fs::read_to_string(log).ok()?;
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.find(|line| line["message"].as_str().is_some_and(|text| text.starts_with(message)))?;
    let port = |field: &str| line[field].as_str()?.rsplit_once(':')?.1.parse().ok();
    Some((port("listen").unwrap_or_default(), port("admin")?))
}
