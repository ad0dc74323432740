//! `netpol check` without files: reads the cluster of the kubeconfig, and prints what is wrong in it.
//!
//! - `read` reads the objects into a snapshot.
//! - `certificate` verifies the certificate of the servers, and `probe` tests whether the webhook is called.
//! - `sections` puts the findings into their sections; `text` prints them.

mod certificate;
mod probe;
mod read;
mod sections;
mod text;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::ValueEnum;

use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::output::Streams;
use crate::cli::parse::{ObjectName, object_name, secret};
use crate::cluster::{Chosen, Cluster};
use crate::drift::{FIELD_MANAGER, Memory, Repair, Section, Severity, plan};
use crate::registration::DEFAULT_NAME;
use crate::verdict::Guard;
use sections::Report;

/// The arguments of a check of a cluster.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Cluster")]
pub(super) struct ClusterArgs {
    /// Section to check (repeatable); default: all.
    #[arg(long = "section", value_name = "SECTION", value_enum, value_delimiter = ',', conflicts_with = "files")]
    sections: Vec<Section>,

    /// Do not send the dry run that tests whether the webhook is called.
    #[arg(long, conflicts_with = "files")]
    no_probe: bool,

    /// Name of the webhook configurations.
    #[arg(long, value_name = "NAME", env = "NETPOL_REGISTRATION", default_value = DEFAULT_NAME, value_parser = object_name)]
    registration: String,

    /// Secret with the certificate of the servers; default: NAME-tls in the namespace of the Service NAME that the webhook
    /// configurations call. For a URL, the certificate that the server presents is verified.
    #[arg(long, value_name = "NS/NAME", env = "NETPOL_TLS_SECRET", value_parser = secret)]
    tls_secret: Option<ObjectName>,

    /// The least severity for which the exit code is 1.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t, conflicts_with = "files")]
    fail_on: FailOn,

    /// Exit with 0 although a part could not be evaluated.
    #[arg(long, conflicts_with = "files")]
    allow_partial: bool,

    /// Kubeconfig file; default: those of KUBECONFIG, ~/.kube/config, or the service account of the pod.
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; default: the current one.
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    context: Option<String>,
}

/// The least severity for which the exit code is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FailOn {
    /// Only errors.
    Error,
    /// Errors and warnings.
    #[default]
    Warning,
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// Text for people.
    #[default]
    Text,
    /// Text, with only what is not ok.
    Short,
    /// JSON for programs.
    Json,
}

/// Checks the cluster and prints the report.
///
/// # Errors
/// There is no cluster, or its API server does not respond.
pub(super) fn run(args: &ClusterArgs, format: Format, guard: &Guard, streams: &mut Streams) -> CommandResult {
    let chosen = Chosen { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() };
    // The client belongs to the runtime.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
    let report = runtime.block_on(async {
        let cluster = Cluster::find(&chosen, FIELD_MANAGER).map_err(|error| Failure::input(anyhow!(error)))?;
        check(&cluster, guard, args).await
    })?;
    match format {
        Format::Json => writeln!(streams.out, "{}", serde_json::to_string_pretty(&report).map_err(Failure::internal)?)?,
        Format::Text => text::write(&report, &mut streams.out)?,
        Format::Short => text::write_short(&report, &mut streams.out)?,
    }
    let least = match args.fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
    };
    Ok(match () {
        () if report.findings().any(|finding| finding.severity >= least) => Status::Findings,
        () if report.is_partial() && !args.allow_partial => Status::NotEvaluated,
        () => Status::Clean,
    })
}

fn wanted(args: &ClusterArgs) -> BTreeSet<Section> {
    let all = || Section::value_variants().iter().copied().collect();
    let mut wanted: BTreeSet<Section> = if args.sections.is_empty() { all() } else { args.sections.iter().copied().collect() };
    if args.no_probe {
        wanted.remove(&Section::Probe);
    }
    wanted
}

async fn check(cluster: &Cluster, guard: &Guard, args: &ClusterArgs) -> Result<Report, Failure> {
    let wanted = &wanted(args);
    let planned = |reading: &read::Reading| plan(&reading.snapshot, guard, Repair::default(), &Memory::default(), Duration::ZERO);
    let mut reading = read::Reading::new(cluster, guard, &args.registration, wanted).await?;
    let mut found = planned(&reading);
    // The lists are moments apart: what is newer than the first one may be seen only in part.
    if found.findings.iter().any(|finding| finding.version.is_some_and(|version| version > reading.first_version)) {
        reading = read::Reading::new(cluster, guard, &args.registration, wanted).await?;
        found = planned(&reading);
    }
    let mut report = Report::new(guard, wanted, &reading.snapshot, found);
    if wanted.contains(&Section::Certificate) {
        certificate::run(cluster, args.tls_secret.as_ref(), &args.registration, &reading.configurations, &mut report).await?;
    }
    if wanted.contains(&Section::Probe) {
        probe::run(cluster, guard, &mut report).await?;
    }
    Ok(report)
}
