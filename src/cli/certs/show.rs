//! `netpol certs show`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::anyhow;

use super::inspection::{Inspection, Subject, Trust};
use super::served;
use crate::certificates::pem::certificates;
use crate::certificates::trust::{Bundle, Shown};
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::judge_args::{CanonArgs, RegisteredArgs};
use crate::cli::output::{Format, OutputArgs, Streams};
use crate::cli::parse::{ObjectName, object_name, secret};
use crate::cluster::{CallError, Chosen, Cluster};
use crate::controller::{self, PublicSecret, WebhookConfiguration};
use crate::registration::{Registration, Send, found_endpoint, weaknesses};
use crate::server::tls;

/// The arguments of `certs show`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Every certificate is verified against every CA. The exit code is 1 if a certificate has expired,
is not valid yet, or is not trusted by a CA. No private key is shown.

The exit code is also 1 if the webhook configurations of --registration make API servers send less
than the servers judge. Use the same canon, namespaces and other flags as for `serve`.

Examples:
  Check the certificate in the cluster, and whether API servers accept it:
    netpol certs show --tls-secret netpol-system/abcdesktop-netpol-tls \\
      --registration abcdesktop-netpol

  Check the certificate that a server presents:
    netpol certs show --connect guard.example:8443 --ca ca.crt

  Check a file:
    netpol certs show --cert tls.crt --ca ca.crt --output json")]
#[command(group = clap::ArgGroup::new("certificate").args(["tls_secret", "cert", "connect"]).required(true).multiple(true))]
pub(super) struct Args {
    /// Secret with a certificate (tls.crt) and the CA that must trust it (ca.crt).
    #[arg(long, value_name = "NS/NAME", env = "NETPOL_TLS_SECRET", value_parser = secret)]
    tls_secret: Option<ObjectName>,

    /// Name of webhook configurations whose caBundle must trust the certificates (repeatable).
    #[arg(long = "registration", value_name = "NAME", env = "NETPOL_REGISTRATION", value_delimiter = ',', value_parser = object_name)]
    registrations: Vec<String>,

    /// PEM file with a certificate and its chain.
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// PEM file with CAs that must trust the certificates.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Server whose certificate to inspect.
    #[arg(long, value_name = "HOST:PORT")]
    connect: Option<String>,

    /// Server name for the TLS handshake; default: the host of --connect.
    #[arg(long, value_name = "NAME", requires = "connect")]
    server_name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,

    /// The canon and the namespaces of the servers.
    #[command(flatten, next_help_heading = "Registration")]
    canon: CanonArgs,

    /// The other flags of the servers.
    #[command(flatten)]
    registered: RegisteredArgs,
}

/// The certificates, CAs, notes and problems found so far.
#[derive(Default)]
struct Found {
    subjects: Vec<Subject>,
    trust: Vec<Trust>,
    notes: Vec<String>,
    findings: Vec<String>,
}

/// Inspects certificates and prints the result.
///
/// # Errors
/// Returns an error if a file cannot be read, or if the cluster or the server cannot be reached.
pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let mut all = Found::default();
    if let Some(path) = &args.cert {
        let chain = certificates(&read(path)?).map_err(|reason| Failure::input(anyhow!("\"{}\" {reason}", path.display())))?;
        let shown = Shown::read(chain).ok_or_else(|| Failure::input(anyhow!("\"{}\" contains no certificate", path.display())))?;
        all.subjects.push(Subject { from: format!("the file \"{}\"", path.display()), shown });
    }
    if let Some(path) = &args.ca {
        let cas = Bundle::read(&read(path)?).cas;
        all.trust.push(Trust { from: format!("the file \"{}\"", path.display()), name: None, cas });
    }
    if let Some(address) = &args.connect {
        let chain = served::chain(address, args.server_name.as_deref()).map_err(|error| Failure::internal(anyhow!(error)))?;
        let shown = Shown::read(chain).ok_or_else(|| Failure::internal(anyhow!("{address} does not present a certificate")))?;
        all.subjects.push(Subject { from: format!("the server {address}"), shown });
    }
    if args.tls_secret.is_some() || !args.registrations.is_empty() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
        runtime.block_on(cluster(args, &mut all, streams))?;
    }
    let Found { subjects, trust, notes, findings } = all;
    let inspection = Inspection::new(&subjects, &trust, notes, findings, SystemTime::now());
    match args.output.output {
        Format::Json => writeln!(streams.out, "{}", serde_json::to_string_pretty(&inspection).map_err(Failure::internal)?)?,
        Format::Text => inspection.write_text(streams)?,
    }
    Ok(if inspection.findings.is_empty() { Status::Clean } else { Status::Findings })
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    tls::read(path).map_err(|reason| Failure::input(anyhow!("\"{}\" {reason}", path.display())))
}

/// Reads the certificates and CAs in the cluster.
async fn cluster(args: &Args, all: &mut Found, streams: &mut Streams) -> Result<(), Failure> {
    let cluster = Cluster::find(&Chosen::default(), controller::FIELD_MANAGER).map_err(|error| Failure::input(anyhow!(error)))?;
    let failed = |error: CallError| Failure::internal(anyhow!(error));
    if let Some(ObjectName { namespace, name }) = &args.tls_secret {
        let from = format!("the secret \"{namespace}/{name}\"");
        match PublicSecret::read(&cluster, namespace, name).await.map_err(failed)? {
            None => all.findings.push(format!("{from} does not exist")),
            Some(secret) => add_secret(&from, &secret, all),
        }
    }
    let configurations = WebhookConfiguration::read_all(&cluster, &args.registrations).await.map_err(failed)?;
    add_weaknesses(args, &configurations, all, streams)?;
    for configuration in configurations {
        for hook in &configuration.webhooks {
            let is_known = |known: &Trust| known.name == hook.server && known.cas == hook.bundle && known.from == configuration.to_string();
            if !all.trust.iter().any(is_known) {
                all.trust.push(Trust { from: configuration.to_string(), name: hook.server.clone(), cas: hook.bundle.clone() });
            }
        }
    }
    Ok(())
}

fn add_secret(from: &str, secret: &PublicSecret, all: &mut Found) {
    match certificates(&secret.cert).ok().and_then(Shown::read) {
        Some(shown) => all.subjects.push(Subject { from: from.to_owned(), shown }),
        None => all.findings.push(format!("{from} contains no certificate")),
    }
    if !secret.ca.is_empty() {
        all.trust.push(Trust { from: from.to_owned(), name: None, cas: Bundle::read(&secret.ca).cas });
    }
    if secret.is_rotating {
        all.notes.push(format!("{from} has a new CA that will sign certificates only after every webhook configuration trusts it"));
    }
    if !secret.is_managed {
        all.notes.push(format!("{from} is not managed by netpol"));
    }
}

/// Adds what the registrations lack.
fn add_weaknesses(args: &Args, configurations: &[WebhookConfiguration], all: &mut Found, streams: &mut Streams) -> Result<(), Failure> {
    if configurations.is_empty() {
        return Ok(());
    }
    let canons = args.canon.load(|warning| streams.warn(warning))?;
    let settings = args.registered.settings(&args.canon);
    let names: Vec<String> = all.subjects.iter().flat_map(|subject| subject.shown.names.iter().cloned()).collect();
    for (name, found) in WebhookConfiguration::pairs(configurations) {
        let endpoint = found_endpoint(found, &names);
        let expected =
            Registration { canons: &canons, settings: &settings, send: Send::Needed, name, endpoint: &endpoint, authorities: None };
        all.findings.extend(weaknesses(&expected, found).into_iter().map(|weakness| weakness.sentence));
    }
    Ok(())
}
