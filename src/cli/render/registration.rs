//! `netpol render registration`.

use anyhow::{Context as _, anyhow};

use super::print;
use crate::canon::Canon;
use crate::cli::exit::{Ended, Failure};
use crate::cli::input;
use crate::cli::judge_args::{CanonArgs, name};
use crate::cli::kept;
use crate::cli::output::{OutputArgs, Streams};
use crate::registration::{Authorities, DEFAULT_NAME, Endpoint, Registration};
use crate::verdict::Settings;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The canon and the namespaces are those of `serve`: what is rendered depends on the labels that the canon reads.

Examples:
  Register the guard behind the chart's Service:
    netpol render registration --ca ca.crt | kubectl apply -f -

  Register a guard that runs outside the cluster:
    netpol render registration --url https://guard.example:8443 --ca ca.crt | kubectl apply -f -

  See what another canon would change:
    netpol render registration --canon ./canon --ca ca.crt | kubectl diff -f -")]
pub(super) struct Args {
    #[command(flatten)]
    canon: CanonArgs,

    /// A user name under which the namespace controller deletes (repeatable).
    #[arg(long = "namespace-controller", value_name = "USER", env = "NETPOL_NAMESPACE_CONTROLLER", value_delimiter = '\n')]
    #[arg(default_values_t = Settings::default().namespace_controllers, value_parser = name)]
    namespace_controllers: Vec<String>,

    /// The name of both configurations.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME, value_parser = kept::name)]
    name: String,

    /// The guard's Service, NAMESPACE/NAME or NAMESPACE/NAME:PORT.
    #[arg(long, value_name = "SERVICE", default_value_t = Endpoint::default_service(), value_parser = Endpoint::service)]
    service: Endpoint,

    /// The guard's address, where it is no Service of the cluster.
    #[arg(long, value_name = "URL", value_parser = Endpoint::url, conflicts_with = "service")]
    url: Option<Endpoint>,

    /// The certificates that the API server is to trust, as PEM (- is standard input); without it, those
    /// of its machine, unless somebody fills them in.
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,

    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> Ended {
    let authorities = args.ca.as_ref().map(|file| authorities(file, streams)).transpose()?;
    let canon = Canon::load(&args.canon.canon, &args.canon.namespaces).map_err(Failure::input)?;
    let manifests = Registration {
        canon: &canon,
        namespaces: &args.canon.namespaces,
        namespace_controllers: &args.namespace_controllers,
        name: &args.name,
        endpoint: args.url.as_ref().unwrap_or(&args.service),
        authorities: authorities.as_ref(),
    }
    .manifests();
    print(&manifests, args.output, streams)
}

fn authorities(file: &String, streams: &mut Streams) -> Result<Authorities, Failure> {
    let inputs = input::read(std::slice::from_ref(file), streams)?;
    let Some(input) = inputs.first() else { return Err(Failure::input(anyhow!("nothing to read"))) };
    Authorities::from_pem(&input.bytes).with_context(|| format!("cannot use {}", input.name)).map_err(Failure::input)
}
