//! `netpol serve`: runs the admission webhook until it receives a signal.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use arc_swap::ArcSwap;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{CommandResult, Failure, Status};
use super::judge_args::JudgeArgs;
use super::logging::LogArgs;
use super::managed_certificate::ManagedCertificateArgs;
use super::parse::{address, duration, object_name};
use crate::admission;
use crate::audit::{self, Destination, Level, Sink};
use crate::cluster::{Chosen, Cluster};
use crate::controller::{self, Controller};
use crate::server::tls::{CertificateFrom, TlsConfig, TlsMin};
use crate::server::{self, Clock, Config, Handle, Limits, ManagedCertificate, Parts, Running};
use crate::verdict::{Guard, Hints};

/// The maximum number of threads for blocking work: large bodies and files. Idle threads end.
const BLOCKING_THREADS: usize = 8;

/// The arguments of `serve`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Signals:
  SIGTERM, SIGINT  Shut down: keep serving for --drain-delay, finish requests, write the audit log.
                   The second one ends the server as soon as the audit log is written (5 s at most).
  SIGHUP           Reload certificates and canon immediately instead of within 5 s; the log says what changed.

Examples:
  netpol serve
  netpol serve --listen 127.0.0.1:8443 --self-signed-dir ./tls --audit-log audit.log
  netpol serve --namespace desktops --canon /etc/netpol/canon \\
    --tls-cert /tls/tls.crt --tls-key /tls/tls.key --client-ca /tls/apiserver-ca.crt
  netpol serve --tls-secret netpol-system/abcdesktop-netpol-tls \\
    --tls-name abcdesktop-netpol.netpol-system.svc --registration abcdesktop-netpol")]
pub struct Args {
    /// Address for the webhook (HTTPS); port 0 selects a free port.
    #[arg(long, value_name = "ADDR", env = "NETPOL_LISTEN", default_value = "[::]:8443", value_parser = address)]
    listen: SocketAddr,

    /// Address for /livez, /readyz and /metrics (HTTP); port 0 selects a free port.
    #[arg(long, value_name = "ADDR", env = "NETPOL_ADMIN_LISTEN", default_value = "[::]:8080", value_parser = address)]
    admin_listen: SocketAddr,

    #[command(flatten)]
    judge: JudgeArgs,

    /// Display name of a canon that is not built in, for messages; the path of the canon is never shown to users.
    #[arg(long, value_name = "NAME", env = "NETPOL_CANON_NAME", value_parser = object_name, help_heading = "Verdicts")]
    canon_name: Option<String>,

    #[command(flatten)]
    tls: TlsArgs,

    #[command(flatten)]
    limits: LimitArgs,

    #[command(flatten)]
    audit: AuditArgs,

    #[command(flatten)]
    log: LogArgs,
}

/// The flags of TLS.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "TLS")]
struct TlsArgs {
    /// PEM file with the certificate and its chain; default: the server issues its own certificate.
    ///
    /// The server reloads the certificate and its key when the files change.
    #[arg(long, value_name = "FILE", env = "NETPOL_TLS_CERT", requires = "tls_key", conflicts_with_all = ["self_signed_dir", "tls_names", "tls_secret"])]
    tls_cert: Option<PathBuf>,

    /// PEM file with the private key of --tls-cert.
    #[arg(long, value_name = "FILE", env = "NETPOL_TLS_KEY", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Folder for the certificate that the server issues (ca.crt, tls.crt and tls.key); default: in memory only.
    #[arg(long, value_name = "DIR", env = "NETPOL_SELF_SIGNED_DIR", conflicts_with = "tls_secret")]
    self_signed_dir: Option<PathBuf>,

    /// DNS name or IP address for the certificate that the server issues (repeatable).
    ///
    /// Without --tls-secret, the certificate is also valid for localhost and its addresses.
    #[arg(long = "tls-name", value_name = "NAME", env = "NETPOL_TLS_NAME", value_delimiter = ',')]
    tls_names: Vec<String>,

    #[command(flatten)]
    managed: ManagedCertificateArgs,

    /// Minimum TLS version.
    #[arg(long, value_name = "VERSION", env = "NETPOL_TLS_MIN", value_enum, default_value_t = TlsMin::Tls13)]
    tls_min: TlsMin,

    /// PEM file with the CA for client certificates; default: clients do not need a certificate.
    ///
    /// Every client must present a certificate signed by this CA. The server reloads the file when it changes.
    #[arg(long, value_name = "FILE", env = "NETPOL_CLIENT_CA")]
    client_ca: Option<PathBuf>,

    /// DNS name or common name that the certificate of a client must have (repeatable; one match is enough).
    #[arg(long = "client-name", value_name = "NAME", env = "NETPOL_CLIENT_NAME", value_delimiter = '\n', requires = "client_ca")]
    client_names: Vec<String>,
}

/// The flags of the limits.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Maximum size of a request body, in bytes.
    #[arg(long, value_name = "BYTES", env = "NETPOL_MAX_BODY", default_value_t = Limits::default().max_body)]
    max_body: usize,

    /// Maximum total memory for request bodies, in bytes; when it is used up, further bodies wait.
    #[arg(long, value_name = "BYTES", env = "NETPOL_BODY_BUDGET", default_value_t = Limits::default().body_budget)]
    body_budget: usize,

    /// Maximum number of connections; when the limit is reached, the longest-idle connection is closed.
    #[arg(long, value_name = "N", env = "NETPOL_MAX_CONNECTIONS", default_value_t = Limits::default().max_connections)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,

    /// Maximum number of reviews of ordinary size that are processed at the same time; further reviews wait.
    #[arg(long, value_name = "N", env = "NETPOL_MAX_REVIEWS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_reviews: u32,

    /// How long to keep serving after SIGTERM while /readyz reports not ready, so that traffic moves away first.
    #[arg(long, value_name = "DURATION", env = "NETPOL_DRAIN_DELAY", default_value = "10s", value_parser = duration)]
    drain_delay: Duration,
}

/// The flags of the audit log.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Audit log")]
struct AuditArgs {
    /// File for the audit log; - is standard output.
    #[arg(long, value_name = "FILE", env = "NETPOL_AUDIT_LOG", default_value = "-")]
    audit_log: Destination,

    /// Requests to record in the audit log.
    #[arg(long, value_name = "LEVEL", env = "NETPOL_AUDIT_LEVEL", value_enum, default_value_t = Level::Warned)]
    audit_level: Level,
}

/// Runs the server until a signal stops it and every request in progress is answered.
///
/// # Errors
/// Returns an error if the canon, the certificates or the limits are not valid, if the
/// server cannot listen on an address, or if a second signal stops the server early.
pub fn run(args: &Args) -> CommandResult {
    args.log.start()?;
    // The message of a panic could contain parts of a body; its location cannot.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        tracing::error!(at, "internal error");
    }));
    let guard = Guard { hints: Hints::Remote(args.canon_name.clone()), ..args.judge.guard(|warning| tracing::warn!("{warning}"))? };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("netpol")
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(anyhow!(error).context("cannot start threads")))?;
    let ended = runtime.block_on(serve(args, guard));
    // A thread that is still waiting must not delay the exit.
    Runtime::shutdown_background(runtime);
    ended
}

async fn serve(args: &Args, guard: Guard) -> CommandResult {
    let mut signals = Signals::new()?;
    let audit = Arc::new(args.audit.open()?);
    let canons = Arc::clone(&guard.canons);
    let guard = Arc::new(ArcSwap::from_pointee(guard));
    let clock: Clock = Arc::new(SystemTime::now);
    // Before the server listens: a wrong configuration of the cluster is an input error.
    let managed = match args.tls.managed.options(&args.tls.tls_names)? {
        None => None,
        Some(options) => Some((
            options,
            Cluster::find(&Chosen::default(), controller::FIELD_MANAGER)
                .map_err(|error| Failure::input(anyhow!(error).context("--tls-secret")))?,
        )),
    };
    let judge: server::Judge = Arc::new(admission::answer);
    let parts =
        Parts { clock: Arc::clone(&clock), guard: Arc::clone(&guard), judge, audit_level: args.audit.audit_level, audit: Some(audit) };
    let config = args.config();
    let started = server::start(&config, parts);
    let server = started.map_err(|error| if error.is_input() { Failure::input(error) } else { Failure::internal(error) })?;
    let certificate = if let CertificateFrom::Managed(certificate) = config.tls.certificate { Some(certificate) } else { None };
    let controller = managed.zip(certificate).map(|((options, cluster), certificate)| {
        let secret = format!("{}/{}", options.namespace, options.name);
        tracing::info!(admin = %server.admin, secret, "waiting for a certificate in the Secret; the webhook port opens when there is one");
        controller::start(cluster, certificate, guard, options, clock)
    });
    let ready = |server: &Running| {
        tracing::info!(
            listen = %server.listen,
            admin = %server.admin,
            version = env!("CARGO_PKG_VERSION"),
            canon = canons.source,
            canon_hash = canons.hash,
            namespaces = args.judge.canon.namespaces.join(","),
            "ready"
        );
    };
    signals.run(server, controller, ready).await
}

/// The signals that control a server. SIGHUP reloads its files. The first SIGTERM or SIGINT starts the drain, the second stops the
/// server as soon as the audit log is written.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    fn new() -> Result<Signals, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::internal(anyhow!(error).context("cannot listen for signals")));
        let [terminate, interrupt, hangup] = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()].map(listen);
        Ok(Signals { terminate: terminate?, interrupt: interrupt?, hangup: Some(hangup?) })
    }

    /// Waits for SIGTERM or SIGINT.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Calls `ready` when the webhook port is open, waits for a signal, and drains the server.
    async fn run(&mut self, server: Running, mut controller: Option<Controller>, ready: impl FnOnce(&Running)) -> CommandResult {
        let handle = server.handle.clone();
        if let Some(hangup) = self.hangup.take() {
            tokio::spawn(reload_on(hangup, handle.clone()));
        }
        let is_signaled = tokio::select! {
            biased;
            () = handle.wait_until_listening() => false,
            () = self.next() => true,
        };
        if !is_signaled {
            ready(&server);
            self.next().await;
        }
        handle.drain();
        let mut ended = pin!(server.ended());
        let release = async {
            if let Some(controller) = &mut controller {
                controller.release().await;
            }
        };
        tokio::select! {
            _ = async { tokio::join!(&mut ended, release) } => Ok(Status::Clean),
            () = self.next() => {
                tracing::warn!("second signal: dropping all connections, and ending when the audit log is written");
                handle.abort();
                ended.await;
                Err(Failure::internal(anyhow!("a second signal stopped the server; some requests may be unanswered")))
            }
        }
    }
}

/// Reloads certificates and canon on every signal, until the server has ended.
async fn reload_on(mut hangup: Signal, handle: Handle) {
    while hangup.recv().await.is_some() {
        let Some(reloaded) = handle.reload().await else { return };
        // The controller reads a managed certificate every few seconds.
        let certificate = reloaded.certificate.as_ref().map_or_else(|| "managed".to_owned(), ToString::to_string);
        let client_ca = reloaded.client_ca.as_ref().map(ToString::to_string);
        let canon = reloaded.canon.to_string();
        if reloaded.has_rejected() {
            tracing::error!(certificate, client_ca, canon, "SIGHUP: not every file could be reloaded");
        } else {
            tracing::info!(certificate, client_ca, canon, "SIGHUP: reloaded");
        }
    }
}

impl Args {
    fn config(&self) -> Config {
        let certificate = match (&self.tls.tls_cert, &self.tls.tls_key) {
            _ if self.tls.managed.is_given() => {
                CertificateFrom::Managed(ManagedCertificate::new(self.tls.managed.show_command(&self.judge)))
            }
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
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::internal(anyhow!("cannot get random numbers from the system")))?;
        let options = audit::Options::new(self.audit_log.clone(), random);
        Sink::open(options).map_err(|error| Failure::input(anyhow!(error).context("cannot open the audit log")))
    }
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
    fn without_flags_the_defaults_apply() {
        let config = Serve::try_parse_from(["serve"]).unwrap().serve.config();
        assert_eq!((config.listen.to_string(), config.admin_listen.to_string()), ("[::]:8443".to_owned(), "[::]:8080".to_owned()));
        assert_eq!(config.limits, Limits::default());
        assert_eq!(config.tls.certificate, CertificateFrom::Itself { dir: None, names: Vec::new() });
        assert_eq!(config.tls.min, TlsMin::Tls13);
    }
}
