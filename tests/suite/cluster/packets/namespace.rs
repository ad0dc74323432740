//! A network namespace without a name: it exists as long as a descriptor of it.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A network namespace, and a thread in it that runs async code. A socket belongs to the namespace of the thread that makes it.
pub(super) struct NetworkNamespace {
    file: File,
    runtime: Handle,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

impl NetworkNamespace {
    /// Makes a namespace.
    ///
    /// # Errors
    /// The process may not make one, or `unshare` is not installed.
    pub(super) fn new() -> io::Result<NetworkNamespace> {
        // The shell reports that the namespace exists, and keeps it until it is opened here.
        let script = ["--net", "sh", "-c", "echo made; read -r _"];
        let mut maker = Command::new("unshare").args(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let made = match maker.stdout.as_mut() {
            Some(pipe) => pipe.read_exact(&mut [0; 5]),
            None => Ok(()),
        };
        let file = made.and_then(|()| File::open(format!("/proc/{}/ns/net", maker.id())));
        drop(maker.stdin.take());
        let output = maker.wait_with_output()?;
        let file = file.map_err(|_| io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))?;
        let (end, ended) = oneshot::channel::<()>();
        let (sender, receiver) = mpsc::channel();
        let inside = file.try_clone()?;
        thread::spawn(move || {
            let started = enter(&inside).and_then(|()| Builder::new_current_thread().enable_all().build());
            match started {
                Ok(runtime) => {
                    let _ = sender.send(Ok(runtime.handle().clone()));
                    let _ = runtime.block_on(ended);
                }
                Err(error) => drop(sender.send(Err(error))),
            }
        });
        let runtime = receiver.recv().map_err(io::Error::other)??;
        Ok(NetworkNamespace { file, runtime, _end: end })
    }

    /// Returns a path of the namespace, for programs.
    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Returns the runtime of its thread.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Runs a function in the namespace, on another thread. Processes that it starts stay there.
    pub(super) fn inside<T: Send>(&self, function: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let work = scope.spawn(|| {
                enter(&self.file).expect("a namespace that exists");
                function()
            });
            work.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs commands of `ip`, one per line.
    pub(super) fn ip(&self, lines: &[String]) {
        self.inside(|| {
            let child = Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
            let mut child = child.expect("`ip` of iproute2");
            let mut pipe = child.stdin.take().expect("a pipe");
            pipe.write_all((lines.join("\n") + "\n").as_bytes()).expect("`ip` reads its commands");
            drop(pipe);
            let output = child.wait_with_output().expect("`ip` ends");
            assert!(output.status.success(), "ip: {}\n{}", String::from_utf8_lossy(&output.stderr), lines.join("\n"));
        });
    }

    /// Sets parameters of the kernel for the namespace.
    pub(super) fn set(&self, parameters: &[(&str, &str)]) {
        self.inside(|| {
            for (name, value) in parameters {
                std::fs::write(format!("/proc/sys/net/{name}"), value).unwrap_or_else(|error| panic!("net/{name}: {error}"));
            }
        });
    }
}

fn enter(namespace: &File) -> io::Result<()> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).map_err(io::Error::from)
}
