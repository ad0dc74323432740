//! `netpol render registration`.

use std::io::Write as _;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use crate::canon::{Canon, reading};
use crate::cli::exit::{Ended, Failure, Outcome};
use crate::cli::input;
use crate::cli::judge_args::{CanonArgs, name};
use crate::cli::output::{Format, OutputArgs, Streams};
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
    #[arg(long, value_name = "NAME", default_value = DEFAULT_NAME, value_parser = object_name)]
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
    match args.output.output {
        Format::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
            writeln!(streams.out, "{list:#}")?;
        }
        Format::Text => {
            for manifest in &manifests {
                let text = reading::write(manifest).map_err(Failure::ours)?;
                write!(streams.out, "---\n{text}")?;
            }
        }
    }
    Ok(Outcome::Clean)
}

fn authorities(file: &String, streams: &mut Streams) -> Result<Authorities, Failure> {
    let inputs = input::read(std::slice::from_ref(file), streams)?;
    let Some(input) = inputs.first() else { return Err(Failure::input(anyhow!("nothing to read"))) };
    Authorities::from_pem(&input.bytes).with_context(|| format!("cannot use {}", input.name)).map_err(Failure::input)
}

/// Reads the name of an object: a DNS subdomain, as the API has it.
fn object_name(text: &str) -> Result<String, String> {
    let part = |part: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !part.is_empty() && part.bytes().all(inner) && !part.starts_with('-') && !part.ends_with('-')
    };
    let fits = text.len() <= 253 && text.split('.').all(part);
    fits.then(|| text.to_owned()).ok_or_else(|| {
        "a name is at most 253 lower-case letters, digits, dashes and dots, and starts and ends each part with no dash".to_owned()
    })
}
