//! The measured servers: each is a process that runs on the server core.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::machine;

/// How long a server may take to become ready.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    admin: Option<SocketAddr>,
    log: PathBuf,
    /// The time from its start until it was ready.
    pub(crate) ready_after: Duration,
}

/// The temporary files of a run: certificates, canons, logs.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Result<Place, String> {
        Ok(Place { folder: tempfile::tempdir().map_err(|error| format!("cannot create a temporary folder: {error}"))? })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, String> {
        let path = self.path(name);
        std::fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// Returns the folder with the certificate of all servers.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.path("tls")
    }

    /// Returns the path of the CA of all servers.
    pub(crate) fn ca(&self) -> PathBuf {
        self.certificates().join("ca.crt")
    }

    /// Starts the product with more flags, from this binary or from the released one.
    pub(crate) fn product(&self, program: &Path, flags: &[&str]) -> Result<Server, String> {
        let (address, admin) = (free()?, free()?);
        let mut command = Command::new(program);
        command
            .args(["serve", "--listen", &address.to_string(), "--admin-listen", &admin.to_string()])
            .arg("--self-signed-dir")
            .arg(self.certificates())
            .arg("--audit-log")
            .arg(self.path(&format!("audit-{}.log", address.port())))
            .args(flags);
        self.start(command, address, Some(admin))
    }

    /// Starts the floor, from this binary.
    pub(crate) fn floor(&self) -> Result<Server, String> {
        let address = free()?;
        let mut command = Command::new(own_program()?);
        command.arg("floor").arg(address.to_string()).arg(self.certificates());
        self.start(command, address, None)
    }

    /// Starts the typical webhook.
    pub(crate) fn typical(&self) -> Result<Server, String> {
        let address = free()?;
        let mut command = Command::new(beside("examples/typical")?);
        command.arg(address.to_string()).arg(self.certificates());
        self.start(command, address, None)
    }

    fn start(&self, mut command: Command, address: SocketAddr, admin: Option<SocketAddr>) -> Result<Server, String> {
        let log = self.path(&format!("log-{}", address.port()));
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        // A child process inherits the core of the thread that starts it.
        machine::run_on(machine::SERVER)?;
        let from = Instant::now();
        let child = command.spawn();
        machine::run_on(machine::LOAD)?;
        let child = child.map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        let mut server = Server { child, address, admin, log, ready_after: Duration::ZERO };
        while !server.is_ready() {
            if from.elapsed() > TIMEOUT || !matches!(server.child.try_wait(), Ok(None)) {
                return Err(format!("a server did not become ready: {}", server.last_log_line()));
            }
            std::thread::park_timeout(Duration::from_micros(200));
        }
        server.ready_after = from.elapsed();
        Ok(server)
    }
}

/// Returns the path of this binary.
pub(crate) fn own_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("cannot find the path of this binary: {error}"))
}

/// Returns the path of a binary in the same build folder.
pub(crate) fn beside(name: &str) -> Result<PathBuf, String> {
    let path = own_program()?.with_file_name(name);
    if path.exists() { Ok(path) } else { Err(format!("{} does not exist: build it with scripts/performance", path.display())) }
}

/// Returns a free address.
fn free() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map_err(|error| format!("there is no free port: {error}"))
}

impl Server {
    fn is_ready(&self) -> bool {
        let Some(admin) = self.admin else { return TcpStream::connect(self.address).is_ok() };
        get(admin, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    fn last_log_line(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        text.lines().last().unwrap_or("its log is empty").to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn cpu(&self) -> Duration {
        machine::cpu_of(self.pid())
    }

    pub(crate) fn resident(&self) -> u64 {
        machine::memory(self.pid(), "VmRSS")
    }

    /// Returns the peak of the resident memory in bytes.
    pub(crate) fn peak(&self) -> u64 {
        machine::memory(self.pid(), "VmHWM")
    }

    /// Returns the value of a metric; 0 if it is missing.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.admin.and_then(|admin| get(admin, "/metrics").ok()).unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
