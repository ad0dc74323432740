//! `netpol report`: one HTML page that shows which endpoints can connect, why, and what is odd about the policies.
//!
//! - `moment` parses the time of the page; `file` writes it so that nothing half-written is seen.

mod file;
mod moment;

use jiff::Timestamp;

use super::exit::{CommandResult, Failure, Status};
use super::input::STDIN;
use super::lint::findings::findings;
use super::output::Streams;
use super::reach::shown::shown;
use super::reach::source::SourceArgs;
use crate::report::{Input, render};

/// The arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
The page has the findings of netpol lint, the connections of netpol reach as a table
and as a graph, the explanations of netpol explain, the policies, and the data as
JSON. It is complete in one file, requests nothing and runs no script, so it can be
mailed, archived or published by a build. The same input and the same time give
the same bytes. With --file and --live, policies with the names of the canon are
compared with it.

The exit code is 0 if the page was written, whatever it shows: netpol lint and netpol
check have exit codes for findings. It is 2 if an input cannot be read or is not
valid, and 3 if the cluster does not answer or the page cannot be written.

Examples:
  The page of the built-in canon:
    netpol report -o report.html

  The page of manifests, as a build publishes it:
    SOURCE_DATE_EPOCH=1795000000 netpol report -f netpol.yaml -f pod.yaml -o report.html

  The page of the cluster:
    netpol report --live -o report.html

  The data of the page:
    netpol report -o - | grep -o '{\"canon\".*}' | jq '.connections | length'")]
pub struct Args {
    /// File to write; - is standard output. An existing file is replaced.
    #[arg(long = "out", short = 'o', value_name = "FILE.html")]
    file: String,

    /// Time that the page shows, as a time with its zone or in seconds since 1970; default: the clock.
    #[arg(long, value_name = "TIME", env = "SOURCE_DATE_EPOCH", value_parser = moment::parse)]
    time: Option<Timestamp>,

    #[command(flatten)]
    source: SourceArgs,
}

/// Writes the page.
///
/// # Errors
/// Returns an error, and writes nothing, if an input cannot be read or is not valid, or if the file cannot be written.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let world = args.source.load(streams)?;
    let canons = args.source.canons()?;
    let lint = findings(&world, world.is_canon.then_some(&canons));
    let manifests: Vec<&serde_json::Value> = world.written.iter().map(|written| &written.manifest).collect();
    let not_evaluated = world.all_left_out();
    let shown = shown(&world);
    let time = args.time.unwrap_or_else(Timestamp::now);
    let page = render(&Input {
        about: &world.about,
        time: &moment::text(time),
        policies: &world.policies,
        manifests: &manifests,
        endpoints: &shown.endpoints,
        pods: &shown.pods,
        canons: &canons,
        is_canon: world.is_canon,
        namespace: &world.namespace.name,
        whole: world.shown.as_ref(),
        lint: &lint,
        not_evaluated: &not_evaluated,
        live: None,
    });
    if args.file == STDIN {
        streams.out.write_all(page.html.as_bytes())?;
    } else {
        file::replace(&args.file, page.html.as_bytes()).map_err(Failure::internal)?;
    }
    Ok(Status::Clean)
}
