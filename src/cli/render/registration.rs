//! `netpol render registration`.

use std::io::Write as _;

use anyhow::{Context as _, anyhow};

use super::print::print;
use super::send::SendArgs;
use crate::canon::Canons;
use crate::cli::exit::{CommandResult, Failure, Status};
use crate::cli::input;
use crate::cli::judge_args::{CanonArgs, RegisteredArgs};
use crate::cli::output::{OutputArgs, Streams};
use crate::cli::parse::object_name;
use crate::registration::{Authorities, DEFAULT_NAME, Endpoint, Registration, pod_condition};
use crate::verdict::Settings;

/// The arguments of `render registration`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Use the same canon and namespaces as for `serve`: the webhooks match the labels that the canon uses.

Examples:
  Register the servers that the chart installs:
    netpol render registration --ca ca.crt | kubectl apply -f -

  Register a server outside the cluster:
    netpol render registration --url https://guard.example:8443 --ca ca.crt | kubectl apply -f -

  Print the condition for the value webhooks.podCondition of the chart:
    netpol render registration --canon ./canon --print pod-condition > condition.cel

  Show what another canon would change:
    netpol render registration --canon ./canon --ca ca.crt | kubectl diff -f -")]
pub(super) struct Args {
    #[command(flatten)]
    canon: CanonArgs,

    #[command(flatten)]
    registered: RegisteredArgs,

    /// Name of both webhook configurations.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME, value_parser = object_name)]
    name: String,

    /// Service of the servers: NAMESPACE/NAME or NAMESPACE/NAME:PORT.
    #[arg(long, value_name = "SERVICE", default_value_t = Endpoint::default_service(), value_parser = Endpoint::service)]
    service: Endpoint,

    /// URL of the server, if it runs outside the cluster.
    #[arg(long, value_name = "URL", value_parser = Endpoint::url, conflicts_with = "service")]
    url: Option<Endpoint>,

    /// PEM file with the CA certificates for the caBundle of the webhooks (- is standard input); default: no
    /// caBundle, so the API server uses the CAs of its system until a caBundle is added.
    #[arg(long, value_name = "FILE")]
    ca: Option<String>,

    #[command(flatten)]
    send: SendArgs,

    /// Print only this part, as text.
    #[arg(long, value_name = "PART", value_enum, conflicts_with_all = ["url", "service", "ca", "name", "send", "output"])]
    print: Option<Part>,

    #[command(flatten)]
    output: OutputArgs,
}

/// A part of the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The condition that a new pod may need a label or a decision; nothing if every new pod is sent.
    PodCondition,
}

pub(super) fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let authorities = args.ca.as_ref().map(|file| authorities(file, streams)).transpose()?;
    let canons = args.canon.load(|warning| streams.warn(warning))?;
    let settings = args.registered.settings(&args.canon);
    match args.print {
        Some(Part::PodCondition) => return print_pod_condition(&canons, &settings, streams),
        None => args.send.check(&canons, &settings, streams),
    }
    let manifests = Registration {
        canons: &canons,
        settings: &settings,
        send: args.send.send,
        name: &args.name,
        endpoint: args.url.as_ref().unwrap_or(&args.service),
        authorities: authorities.as_ref(),
    }
    .manifests();
    print(&manifests, args.output, streams)
}

fn print_pod_condition(canons: &Canons, settings: &Settings, streams: &mut Streams) -> CommandResult {
    match pod_condition(canons, settings) {
        Ok(condition) => writeln!(streams.out, "{condition}")?,
        Err(reason) => streams.warn(&reason.to_string()),
    }
    Ok(Status::Clean)
}

fn authorities(file: &String, streams: &mut Streams) -> Result<Authorities, Failure> {
    let inputs = input::read(std::slice::from_ref(file), streams)?;
    let Some(input) = inputs.first() else { return Err(Failure::input(anyhow!("no file to read"))) };
    Authorities::from_pem(&input.bytes).with_context(|| format!("cannot use {}", input.name)).map_err(Failure::input)
}
