//! `netpol controller`: runs the drift controller until it receives a signal.

use std::future::ready;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};

use super::exit::{CommandResult, Failure, Status};
use super::judge_args::JudgeArgs;
use super::logging::LogArgs;
use super::managed_certificate::identity;
use super::parse::{ObjectName, address, duration, loopback, object_name, secret};
use crate::cluster::{Chosen, Cluster};
use crate::controller::drift::{self, DriftOptions, Ended, Mode};
use crate::controller::{Candidate, Timing};
use crate::drift::Repair;
use crate::server::pages;

/// The arguments of `controller`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The controller watches the guarded namespaces and finds what the webhook did not see:
what existed before it, what changed while it was not asked, and webhook
configurations that were weakened. It finds what `netpol check` finds.

With --mode repair, it also restores policies that are missing or drifted, and adds
labels that pods are granted. It never removes anything, and it never repairs what it
could not read. If another client undoes a repair again and again, it stops and says
who that is. Every write passes the webhook.

Only the holder of the Lease writes. The others watch, and take over.

Each process serves a page of what it sees on --report-listen, which must be a
loopback address: http://localhost:8081/report, and /report.json for programs.

Examples:
  netpol controller --kubeconfig ~/.kube/config --lease default/netpol
  netpol controller --mode repair --lease netpol-system/abcdesktop-netpol-controller \\
    --registration abcdesktop-netpol --canon abcdesktop-4.4")]
pub struct Args {
    /// What to do about findings.
    #[arg(long, value_name = "MODE", env = "NETPOL_MODE", value_enum, default_value_t = Mode::Report)]
    mode: Mode,

    /// How often the repair of an object is tried before it is suspended.
    #[arg(long, value_name = "N", env = "NETPOL_REPAIR_ATTEMPTS", default_value_t = Repair::default().attempts)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    repair_attempts: u32,

    /// Time between two dry runs that test whether the webhook is called; 0 for none.
    #[arg(long, value_name = "DURATION", env = "NETPOL_PROBE_INTERVAL", default_value = "60s", value_parser = duration)]
    probe_interval: Duration,

    /// Lease that chooses the process that writes.
    #[arg(long, value_name = "NS/NAME", env = "NETPOL_LEASE", default_value = "netpol-system/abcdesktop-netpol-controller", value_parser = secret)]
    lease: ObjectName,

    /// Name of the webhook configurations.
    #[arg(long, value_name = "NAME", env = "NETPOL_REGISTRATION", default_value = "abcdesktop-netpol", value_parser = object_name)]
    registration: String,

    /// Address for /livez, /readyz and /metrics (HTTP); port 0 selects a free port.
    #[arg(long, value_name = "ADDR", env = "NETPOL_ADMIN_LISTEN", default_value = "[::]:8080", value_parser = address)]
    admin_listen: SocketAddr,

    /// Loopback address for /report and /report.json (HTTP); port 0 selects a free port.
    #[arg(long, value_name = "ADDR", env = "NETPOL_REPORT_LISTEN", default_value = "127.0.0.1:8081", value_parser = loopback)]
    report_listen: SocketAddr,

    /// Kubeconfig file; default: those of KUBECONFIG, ~/.kube/config, or the service account of the pod.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig; default: the current one.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    context: Option<String>,

    #[command(flatten)]
    judge: JudgeArgs,

    #[command(flatten)]
    log: LogArgs,
}

/// Runs the controller until a signal stops it.
///
/// # Errors
/// Returns an error if the canon or the configuration of the cluster is not valid, if the controller cannot listen, or if one of its
/// tasks ends.
pub fn run(args: &Args) -> CommandResult {
    args.log.start()?;
    let guard = Arc::new(args.judge.guard(|warning| tracing::warn!("{warning}"))?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("netpol")
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(anyhow!(error).context("cannot start threads")))?;
    let ended = runtime.block_on(control(args, guard));
    runtime.shutdown_background();
    ended
}

async fn control(args: &Args, guard: Arc<crate::verdict::Guard>) -> CommandResult {
    let chosen = Chosen { kubeconfig: args.kubeconfig.clone(), context: args.context.clone() };
    let cluster = Cluster::find(&chosen, drift::FIELD_MANAGER).map_err(|error| Failure::input(anyhow!(error)))?;
    let listen = |kind| signal(kind).map_err(|error| Failure::internal(anyhow!(error).context("cannot listen for signals")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    let status = Arc::new(drift::Status::default());
    let pages_of = Arc::clone(&status);
    let admin = pages::serve("--admin-listen", args.admin_listen, move |asked| ready(pages_of.page(asked))).map_err(Failure::internal)?;
    let report_of = Arc::clone(&status);
    let report = pages::serve("--report-listen", args.report_listen, move |asked| report_of.report(asked)).map_err(Failure::internal)?;
    let options = DriftOptions {
        candidate: Candidate {
            namespace: args.lease.namespace.clone(),
            name: args.lease.name.clone(),
            identity: identity()?,
            timing: Timing::default(),
            task: "writes repairs, events and reports",
        },
        mode: args.mode,
        repair: Repair { attempts: args.repair_attempts },
        probe_interval: args.probe_interval,
        registration: args.registration.clone(),
    };
    tracing::info!(
        %admin,
        %report,
        version = env!("CARGO_PKG_VERSION"),
        canon = guard.canons.source,
        canon_hash = guard.canons.hash,
        namespaces = args.judge.canon.namespaces.join(","),
        "watching"
    );
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    match drift::run(cluster, guard, options, status, stop).await {
        Ended::Asked => Ok(Status::Clean),
        Ended::Broken => Err(Failure::internal(anyhow!("a task of the controller ended: restart it, and report the log as a bug"))),
    }
}
