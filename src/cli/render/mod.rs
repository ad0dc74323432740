//! `netpol render`: what a cluster is to be given, as manifests.

mod install;
mod nearest;
mod policies;
mod registration;

use std::borrow::Borrow;
use std::io::Write as _;

use serde::Serialize;
use serde_json::{Value, json};

use super::exit::{Ended, Failure, Outcome};
use super::output::{Format, OutputArgs, Streams};
use crate::documents::reading;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// The canonical NetworkPolicies, as `kubectl apply -f -` takes them.
    Policies(policies::Args),
    /// Everything that the chart installs, for those who have no Helm.
    Install(Box<install::Args>),
    /// The webhook configurations by which an API server asks this guard.
    Registration(Box<registration::Args>),
}

/// Runs it.
///
/// # Errors
/// Those of the thing that is rendered.
pub fn run(args: &Args, streams: &mut Streams) -> Ended {
    match &args.what {
        What::Policies(args) => policies::run(args, streams),
        What::Install(args) => install::run(args, streams),
        What::Registration(args) => registration::run(args, streams),
    }
}

/// Prints manifests as `kubectl` takes them: documents of YAML, or one list as JSON.
fn print(manifests: &[impl Borrow<Value> + Serialize], args: OutputArgs, streams: &mut Streams) -> Ended {
    match args.output {
        Format::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
            writeln!(streams.out, "{list:#}")?;
        }
        Format::Text => {
            for manifest in manifests {
                let text = reading::write(manifest.borrow()).map_err(Failure::ours)?;
                write!(streams.out, "---\n{text}")?;
            }
        }
    }
    Ok(Outcome::Clean)
}
