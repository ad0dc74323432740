//! `netpol lint`: mistakes in NetworkPolicies and grants.
//!
//! - `findings` evaluates the rules; `report` is the result in the form of `--output json`; `sarif` and `text` print it.

pub(crate) mod findings;
mod report;
mod sarif;
mod text;

use anyhow::anyhow;
use clap::ValueEnum;

use super::exit::{CommandResult, Failure, Status};
use super::output::Streams;
use super::reach::source::SourceArgs;
use crate::analysis::lint::{Finding, LintRule, Severity, is_id, names};
use findings::findings;
use report::Report;

/// The arguments of `lint`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Every finding is proven by evaluating the policies, not by their spelling. With a
canon, the grants and the identities are evaluated too. With --file, only what is in
the files is known: a pod or namespace that is not there does not exist. With --live,
only findings about the namespaces of --namespace are printed.

A finding is ignored by the annotation of its policy
  netpol.abcdesktop.io/lint-ignore: 'ID[,ID…] REASON'
or by --allow ID. ID is a rule (open-peer) or one finding (open-peer/router-rights/ingress-1).

The exit code is 1 if there is a finding of the severity of --fail-on or a higher one,
0 otherwise, and 2 if an input cannot be read.

Examples:
  What is wrong with the policies of release 4.4:
    netpol lint --canon abcdesktop-4.4

  Only what is certainly too open:
    netpol lint --fail-on error

  The policies and pods in files:
    netpol lint -f netpol.yaml -f pod.yaml

  For the code scanning of a forge:
    netpol lint -f netpol.yaml --output sarif > netpol.sarif

  The rules that found something:
    netpol lint --output json | jq '[.findings[].rule] | unique'")]
pub struct Args {
    /// Do not report this rule, or this finding (repeatable).
    #[arg(long = "allow", value_name = "ID", env = "NETPOL_LINT_ALLOW", value_delimiter = ',', value_parser = id)]
    allowed: Vec<String>,

    /// The lowest severity of findings that makes the exit code 1.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Level::Warning, env = "NETPOL_LINT_FAIL_ON")]
    fail_on: Level,

    /// Output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "NETPOL_OUTPUT")]
    output: Format,

    #[command(flatten)]
    source: SourceArgs,
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    /// Text for people.
    #[default]
    Text,
    /// JSON for programs.
    Json,
    /// SARIF 2.1.0, which forges and editors show.
    Sarif,
}

/// The lowest severity of findings that makes the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Findings that open something that should not be open.
    Error,
    /// Also probable mistakes.
    Warning,
    /// Also remarks.
    Info,
}

impl Level {
    fn includes(self, finding: &Finding) -> bool {
        let lowest = match self {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Info => Severity::Info,
        };
        finding.severity >= lowest
    }
}

/// Prints the findings.
///
/// # Errors
/// Returns an error, and writes nothing, if an input cannot be read or is not valid.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let world = args.source.load(streams)?;
    let canons = if world.is_canon { Some(args.source.canons()?) } else { None };
    let mut lint = findings(&world, canons.as_ref());
    lint.findings.retain(|finding| !args.allowed.iter().any(|id| names(id, finding)));
    let report = Report::new(&world, &lint);
    match args.output {
        Format::Text => text::write(&report, &mut streams.out)?,
        Format::Json => write_json(&report, streams)?,
        Format::Sarif => write_json(&sarif::log(&report), streams)?,
    }
    let fails = lint.findings.iter().any(|finding| args.fail_on.includes(finding));
    Ok(if fails { Status::Findings } else { Status::Clean })
}

fn write_json(value: &impl serde::Serialize, streams: &mut Streams) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::internal)?;
    Ok(writeln!(streams.out, "{text}")?)
}

fn id(text: &str) -> Result<String, anyhow::Error> {
    if is_id(text) {
        return Ok(text.to_owned());
    }
    let rules: Vec<&str> = LintRule::ALL.iter().map(|rule| rule.id()).collect();
    Err(anyhow!("must be a rule ({}) or the id of a finding, which starts with a rule", rules.join(", ")))
}
