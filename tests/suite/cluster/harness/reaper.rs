//! Processes that stop with the test run, however it ends.
//!
//! `reap.sh` reads the ids of processes from a pipe. The pipe closes when this process exits, also after an abort or SIGKILL; the
//! script then kills the processes and removes the folder of the run. A process id is sent before the program starts: a shell waits
//! for one line, then executes the program.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use super::wait::until;

/// The connection to `reap.sh`.
#[derive(Debug, Clone)]
pub(crate) struct Reaper {
    folder: PathBuf,
    will: Arc<Mutex<Option<ChildStdin>>>,
}

impl Reaper {
    /// Creates the folder of the run and starts `reap.sh`.
    pub(crate) fn new() -> io::Result<Reaper> {
        let folder = tempfile::Builder::new().prefix("netpol-control-plane-").tempdir()?;
        let mut shell = Command::new("/bin/sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/control-plane/reap.sh"))
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Its own process group: an interrupt from the terminal must not stop it.
            .process_group(0)
            .spawn()?;
        let will = Arc::new(Mutex::new(shell.stdin.take()));
        Ok(Reaper { folder: folder.keep(), will })
    }

    /// Closes the pipe before the end of the run.
    pub(crate) fn end(&self) {
        self.will.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Returns the folder of the run, which is removed at the end.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Starts a program with its output in `NAME.log` in the folder of the run.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, name: &str, program: &Path, args: impl IntoIterator<Item = S>) -> io::Result<Process> {
        let log = self.folder.join(format!("{name}.log"));
        let sink = File::options().create(true).append(true).open(&log)?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", "read -r _ && exec \"$@\" </dev/null", name])
            .arg(program)
            .args(args)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(sink.try_clone()?)
            .stderr(sink)
            .process_group(0)
            .spawn()?;
        self.write(&format!("{}\n", child.id()))?;
        if let Some(mut go) = child.stdin.take() {
            go.write_all(b"go\n")?;
        }
        Ok(Process { name: name.to_owned(), log, child, ended: None, reaper: self.clone() })
    }

    fn write(&self, line: &str) -> io::Result<()> {
        match self.will.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(will) => will.write_all(line.as_bytes()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) log: PathBuf,
    child: Child,
    ended: Option<ExitStatus>,
    reaper: Reaper,
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status, `None` while the program runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.ended = Some(status);
            // The system can reuse the id from now on.
            let _ = self.reaper.write(&format!("-{}\n", self.child.id()));
        }
        self.ended
    }

    /// Sends a signal: `TERM`, `KILL`, `STOP`, `CONT`.
    pub(crate) fn signal(&mut self, signal: &str) {
        assert!(self.ended().is_none(), "{} has exited: {}", self.name, self.tail());
        let status =
            Command::new("/bin/sh").args(["-c", "kill -s \"$1\" \"$2\"", "kill", signal]).arg(self.child.id().to_string()).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot send {signal} to {}", self.name);
    }

    /// Waits for the exit.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let name = self.name.clone();
        until(&format!("{name} exits"), || self.ended())
    }

    /// Returns the last lines of its output, for messages.
    pub(crate) fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            let _ = self.reaper.write(&format!("-{}\n", self.child.id()));
        }
    }
}
