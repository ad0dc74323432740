//! `netpol serve`: runs the admission webhook until it is told to end.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use arc_swap::ArcSwap;
use clap::ValueEnum;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{Ended, Failure, Outcome};
use super::judge_args::JudgeArgs;
use super::kept::{KeptArgs, duration};
use super::logging::LogArgs;
use crate::admission;
use crate::audit::{self, Destination, Sink};
use crate::controller::{self, Cluster, Controller};
use crate::server::tls::{CertificateFrom, TlsConfig, TlsMin};
use crate::server::{self, Clock, Config, Limits, ManagedCertificate, Parts, Running};
use crate::verdict::Guard;

/// Threads for what may wait: large bodies, files. Each is there only while it is needed.
const BLOCKING_THREADS: usize = 8;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  netpol serve
  netpol serve --listen 127.0.0.1:8443 --self-signed-dir ./tls --audit-log audit.log
  netpol serve --namespace desktops --canon /etc/netpol/canon \\
    --tls-cert /tls/tls.crt --tls-key /tls/tls.key --client-ca /tls/apiserver-ca.crt
  netpol serve --tls-secret netpol-system/abcdesktop-netpol-tls \\
    --tls-name abcdesktop-netpol.netpol-system.svc --registration abcdesktop-netpol")]
pub struct Args {
    /// Where reviews come in (HTTPS); port 0 picks a free one.
    #[arg(long, value_name = "ADDR", env = "NETPOL_LISTEN", default_value = "[::]:8443", value_parser = address)]
    listen: SocketAddr,

    /// Where /livez, /readyz and /metrics are (plain HTTP); port 0 picks a free one.
    #[arg(long, value_name = "ADDR", env = "NETPOL_ADMIN_LISTEN", default_value = "[::]:8080", value_parser = address)]
    admin_listen: SocketAddr,

    #[command(flatten)]
    judge: JudgeArgs,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    log: LogArgs,
}

/// The flags about TLS.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
struct TlsArgs {
    /// The certificate and its chain, PEM; read again when it changes. Without: issued by the server itself.
    #[arg(long, value_name = "FILE", env = "NETPOL_TLS_CERT", requires = "tls_key", conflicts_with_all = ["self_signed_dir", "tls_names", "tls_secret"])]
    tls_cert: Option<PathBuf>,

    /// Its key, PEM.
    #[arg(long, value_name = "FILE", env = "NETPOL_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// A folder for ca.crt, tls.crt and tls.key that the server issues itself; without: kept in memory.
    #[arg(long, value_name = "DIR", env = "NETPOL_SELF_SIGNED_DIR", conflicts_with = "tls_secret")]
    self_signed_dir: Option<PathBuf>,

    /// A name or address of a self-issued certificate, besides localhost and its addresses; with --tls-secret,
    /// all of its names (repeatable).
    #[arg(long = "tls-name", value_name = "NAME", env = "NETPOL_TLS_NAME", value_delimiter = ',')]
    tls_names: Vec<String>,

    #[command(flatten)]
    kept: KeptArgs,

    /// The oldest version of TLS that is spoken.
    #[arg(long, value_name = "VERSION", env = "NETPOL_TLS_MIN", value_enum, default_value_t = TlsMin::Tls13)]
    tls_min: TlsMin,

    /// The CA of which every client must have a certificate, PEM; read again when it changes.
    #[arg(long, value_name = "FILE", env = "NETPOL_CLIENT_CA")]
    client_ca: Option<PathBuf>,

    /// A name that a client's certificate must have, as DNS name or common name (repeatable: one of them).
    #[arg(long = "client-name", value_name = "NAME", env = "NETPOL_CLIENT_NAME", value_delimiter = '\n', requires = "client_ca")]
    client_names: Vec<String>,
}

/// The flags about limits.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// The largest body that is read.
    #[arg(long, value_name = "BYTES", env = "NETPOL_MAX_BODY", default_value_t = Limits::default().max_body)]
    max_body: usize,

    /// What all bodies in flight hold together; large ones wait for their turn.
    #[arg(long, value_name = "BYTES", env = "NETPOL_BODY_BUDGET", default_value_t = Limits::default().body_budget)]
    body_budget: usize,

    /// How many connections there are at most; past it the one that has been idle or silent longest goes.
    #[arg(long, value_name = "N", env = "NETPOL_MAX_CONNECTIONS", default_value_t = Limits::default().max_connections)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,

    /// How many reviews of ordinary size are in flight at most; more wait.
    #[arg(long, value_name = "N", env = "NETPOL_MAX_REVIEWS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_reviews: u32,

    /// How long to go on, not ready, when told to end: as long as endpoints take to forget a server.
    #[arg(long, value_name = "DURATION", env = "NETPOL_DRAIN_DELAY", default_value = "10s", value_parser = duration)]
    drain_delay: Duration,
}

/// The flags about the audit log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Audit log")]
struct AuditArgs {
    /// Where audit lines go: a file, or - for standard output.
    #[arg(long, value_name = "FILE", env = "NETPOL_AUDIT_LOG", default_value = "-")]
    audit_log: Destination,

    /// Which decisions get a line.
    #[arg(long, value_name = "LEVEL", env = "NETPOL_AUDIT_LEVEL", value_enum, default_value_t = AuditLevel::Denied)]
    audit_level: AuditLevel,
}

/// `--audit-level`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuditLevel {
    /// Refusals.
    Denied,
    /// All of them.
    All,
}

/// Runs it. Ends when it has been told to and everything in flight is answered.
///
/// # Errors
/// Wrong canon, certificates or limits; an address that cannot be had; a second signal.
pub fn run(args: &Args) -> Ended {
    args.log.start()?;
    // What a panic says could quote a body; where it happened cannot.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(at, "a fault of this program");
    }));
    let guard = args.judge.guard()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("netpol")
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Failure::ours(anyhow!(error).context("cannot start threads")))?;
    let ended = runtime.block_on(serve(args, guard));
    // Whatever a thread still waits for must not hold the process.
    Runtime::shutdown_background(runtime);
    ended
}

async fn serve(args: &Args, guard: Guard) -> Ended {
    let mut signals = Signals::new()?;
    let audit = Arc::new(args.audit.open()?);
    let canon = Arc::clone(&guard.canon);
    let guard = Arc::new(ArcSwap::from_pointee(guard));
    let audit_all = args.audit.audit_level == AuditLevel::All;
    let clock: Clock = Arc::new(SystemTime::now);
    // Found before anything listens: what is wrong with it is the caller's to mend.
    let kept = match args.tls.kept.options(&args.tls.tls_names)? {
        None => None,
        Some(options) => Some((options, Cluster::find().await.map_err(|error| Failure::input(anyhow!(error).context("--tls-secret")))?)),
    };
    let judge: server::Judge = Arc::new(admission::answer);
    let parts = Parts { clock: Arc::clone(&clock), guard, judge, audit_all, audit: Some(audit) };
    let config = args.config();
    let started = server::start(&config, parts);
    let server = started.map_err(|error| if error.is_input() { Failure::input(error) } else { Failure::ours(error) })?;
    let managed = if let CertificateFrom::Managed(certificate) = config.tls.certificate { Some(certificate) } else { None };
    let controller = kept.zip(managed).map(|((options, cluster), certificate)| {
        let secret = format!("{}/{}", options.namespace, options.name);
        tracing::info!(admin = %server.admin, secret, "the certificate is kept in a secret: reviews can come in once there is one");
        controller::start(cluster, certificate, options, clock)
    });
    let ready = |server: &Running| {
        tracing::info!(
            listen = %server.listen,
            admin = %server.admin,
            version = env!("CARGO_PKG_VERSION"),
            canon = canon.source,
            canon_hash = canon.hash,
            namespaces = args.judge.canon.namespaces.join(","),
            "ready"
        );
    };
    signals.lead(server, controller, ready).await
}

/// The signals that end a server: the first lets it finish, the second does not.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Signals, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::ours(anyhow!(error).context("cannot listen for signals")));
        Ok(Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Leads a server to its end; says that it is ready as soon as reviews can come in.
    async fn lead(&mut self, server: Running, mut controller: Option<Controller>, ready: impl FnOnce(&Running)) -> Ended {
        let handle = server.handle.clone();
        let is_told = tokio::select! {
            biased;
            () = handle.listening() => false,
            () = self.next() => true,
        };
        if !is_told {
            ready(&server);
            self.next().await;
        }
        handle.drain();
        let release = async {
            if let Some(controller) = &mut controller {
                controller.release().await;
            }
        };
        tokio::select! {
            _ = async { tokio::join!(server.ended(), release) } => Ok(Outcome::Clean),
            () = self.next() => {
                handle.abort();
                Err(Failure::ours(anyhow!("ended by a second signal before everything was answered")))
            }
        }
    }
}

impl Args {
    fn config(&self) -> Config {
        let certificate = match (&self.tls.tls_cert, &self.tls.tls_key) {
            _ if self.tls.kept.is_given() => CertificateFrom::Managed(ManagedCertificate::new()),
            (Some(cert), Some(key)) => CertificateFrom::Files { cert: cert.clone(), key: key.clone() },
            _ => CertificateFrom::Itself { dir: self.tls.self_signed_dir.clone(), names: self.tls.tls_names.clone() },
        };
        Config {
            listen: self.listen,
            admin_listen: self.admin_listen,
            tls: TlsConfig {
                certificate,
                min: self.tls.tls_min,
                client_ca: self.tls.client_ca.clone(),
                client_names: self.tls.client_names.clone(),
            },
            limits: Limits {
                max_body: self.limits.max_body,
                body_budget: self.limits.body_budget,
                max_connections: self.limits.max_connections,
                max_reviews: self.limits.max_reviews as usize,
                drain_delay: self.limits.drain_delay,
                ..Limits::default()
            },
        }
    }
}

impl AuditArgs {
    fn open(&self) -> Result<Sink, Failure> {
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::ours(anyhow!("the system gives no random numbers")))?;
        let options = audit::Options::new(self.audit_log.clone(), random);
        Sink::open(options).map_err(|error| Failure::input(anyhow!(error).context("cannot open the audit log")))
    }
}

/// Reads an address with a port: `127.0.0.1:8443`, `[::]:0`, `localhost:8443`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = "an address is an IP address or host name with a port: [::]:8443";
    text.to_socket_addrs().map_err(|_| wrong)?.next().ok_or_else(|| wrong.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser};

    use super::*;

    #[derive(Debug, Parser)]
    struct Serve {
        #[command(flatten)]
        serve: Args,
    }

    #[test]
    fn every_flag_has_an_environment_variable() {
        for argument in Serve::command().get_arguments() {
            let Some(long) = argument.get_long().filter(|long| *long != "help") else { continue };
            let variable = format!("NETPOL_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(variable.as_str()), "--{long}");
        }
    }

    #[test]
    fn without_flags_the_defaults_hold() {
        let config = Serve::try_parse_from(["serve"]).unwrap().serve.config();
        assert_eq!((config.listen.to_string(), config.admin_listen.to_string()), ("[::]:8443".to_owned(), "[::]:8080".to_owned()));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.tls.certificate, CertificateFrom::Itself { dir: None, names: Vec::new() });
        assert_eq!(config.tls.min, TlsMin::Tls13);
    }

    #[test]
    fn an_address_may_be_written_as_a_name() {
        assert!(address("localhost:0").is_ok_and(|address| address.ip().is_loopback()));
        assert!(address("8443").is_err());
    }
}
