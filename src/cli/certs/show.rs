//! `netpol certs show`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::anyhow;

use super::report::{Report, Subject, Trust};
use super::served;
use crate::certificates::pem::certificates;
use crate::certificates::trust::{Bundle, Shown};
use crate::cli::exit::{Ended, Failure, Outcome};
use crate::cli::kept::{ObjectName, name, object};
use crate::cli::output::{Format, OutputArgs, Streams};
use crate::controller::{Cluster, ClusterError, PublicSecret, WebhookConfiguration};
use crate::server::tls;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Every certificate that is named is checked with every CA that is. Exit code 1: one of them
has expired, is not valid yet, or is not trusted. No private key is read from a file, and
none is shown.

Examples:
  What the cluster has, and whether API servers will accept it:
    netpol certs show --tls-secret netpol-system/abcdesktop-netpol-tls \\
      --registration abcdesktop-netpol

  What a server really shows:
    netpol certs show --connect guard.example:8443 --ca ca.crt

  A file:
    netpol certs show --cert tls.crt --ca ca.crt --output json")]
#[command(group = clap::ArgGroup::new("certificate").args(["tls_secret", "cert", "connect"]).required(true).multiple(true))]
pub(super) struct Args {
    /// The Secret that holds a certificate, whoever keeps it; its ca.crt is to trust it.
    #[arg(long, value_name = "NS/NAME", env = "NETPOL_TLS_SECRET", value_parser = object)]
    tls_secret: Option<ObjectName>,

    /// Webhook configurations of this name are to trust it (repeatable).
    #[arg(long = "registration", value_name = "NAME", env = "NETPOL_REGISTRATION", value_delimiter = ',', value_parser = name)]
    registrations: Vec<String>,

    /// A file with a certificate and its chain, PEM.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// A file with CAs that are to trust it, PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// A server that is asked what it shows.
    #[arg(long, value_name = "HOST:PORT")]
    connect: Option<String>,

    /// The name that the server is asked for; without: HOST.
    #[arg(long, value_name = "NAME", requires = "connect")]
    server_name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

/// What was gathered.
#[derive(Default)]
struct Gathered {
    subjects: Vec<Subject>,
    trust: Vec<Trust>,
    notes: Vec<String>,
    findings: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// A file that cannot be read; a cluster or a server that cannot be asked.
pub(super) fn run(args: &Args, streams: &mut Streams) -> Ended {
    let mut all = Gathered::default();
    if let Some(path) = &args.cert {
        let chain = certificates(&read(path)?).map_err(|reason| Failure::input(anyhow!("\"{}\" {reason}", path.display())))?;
        let shown = Shown::read(chain).ok_or_else(|| Failure::input(anyhow!("\"{}\" has no certificate in it", path.display())))?;
        all.subjects.push(Subject { from: format!("the file \"{}\"", path.display()), shown });
    }
    if let Some(path) = &args.ca {
        let cas = Bundle::read(&read(path)?).cas;
        all.trust.push(Trust { from: format!("the file \"{}\"", path.display()), name: None, cas });
    }
    if let Some(address) = &args.connect {
        let chain = served::chain(address, args.server_name.as_deref()).map_err(|error| Failure::ours(anyhow!(error)))?;
        let shown = Shown::read(chain).ok_or_else(|| Failure::ours(anyhow!("{address} shows no certificate")))?;
        all.subjects.push(Subject { from: format!("the server {address}"), shown });
    }
    if args.tls_secret.is_some() || !args.registrations.is_empty() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::ours)?;
        runtime.block_on(cluster(args, &mut all))?;
    }
    let Gathered { subjects, trust, notes, findings } = all;
    let report = Report::new(&subjects, &trust, notes, findings, SystemTime::now());
    match args.output.output {
        Format::Json => writeln!(streams.out, "{}", serde_json::to_string_pretty(&report).map_err(Failure::ours)?)?,
        Format::Text => report.text(streams)?,
    }
    Ok(if report.findings.is_empty() { Outcome::Clean } else { Outcome::Findings })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    tls::read(path).map_err(|reason| Failure::input(anyhow!("\"{}\" {reason}", path.display())))
}

/// Reads what the cluster has.
async fn cluster(args: &Args, all: &mut Gathered) -> Result<(), Failure> {
    let cluster = Cluster::find().await.map_err(|error| Failure::input(anyhow!(error)))?;
    let failed = |error: ClusterError| Failure::ours(anyhow!(error));
    if let Some(ObjectName { namespace, name }) = &args.tls_secret {
        let from = format!("the secret \"{namespace}/{name}\"");
        match PublicSecret::read(&cluster, namespace, name).await.map_err(failed)? {
            None => all.findings.push(format!("{from} is not there")),
            Some(secret) => secret_found(&from, &secret, all),
        }
    }
    for registration in WebhookConfiguration::read_all(&cluster, &args.registrations).await.map_err(failed)? {
        if !registration.exists {
            all.findings.push(format!("{registration} is not there"));
        }
        for hook in &registration.webhooks {
            let is_known = |known: &Trust| known.name == hook.server && known.cas == hook.bundle && known.from == registration.to_string();
            if !all.trust.iter().any(is_known) {
                all.trust.push(Trust { from: registration.to_string(), name: hook.server.clone(), cas: hook.bundle.clone() });
            }
        }
    }
    Ok(())
}

fn secret_found(from: &str, secret: &PublicSecret, all: &mut Gathered) {
    match certificates(&secret.cert).ok().and_then(Shown::read) {
        Some(shown) => all.subjects.push(Subject { from: from.to_owned(), shown }),
        None => all.findings.push(format!("{from} has no certificate in it")),
    }
    if !secret.ca.is_empty() {
        all.trust.push(Trust { from: from.to_owned(), name: None, cas: Bundle::read(&secret.ca).cas });
    }
    if secret.is_rotating {
        all.notes.push(format!("{from} has a new CA that is being made known and does not sign yet"));
    }
    if !secret.is_managed {
        all.notes.push(format!("{from} is not kept by netpol"));
    }
}
