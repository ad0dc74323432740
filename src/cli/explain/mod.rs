//! `netpol explain`: why one endpoint can or cannot connect to another, and which label would open it.
//!
//! - `asked` finds what the arguments name; `text` prints the explanation.

mod asked;
mod text;

use super::exit::{CommandResult, Failure, Status};
use super::output::{Format, OutputArgs, Streams};
use super::reach::source::SourceArgs;
use crate::analysis::{Explanation, Verdict};
use asked::asked;

/// The arguments of `explain`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
One line for each direction names the policy and the rule that decide. If the
connection is not allowed, \"to allow\" is the smallest change of labels that opens it,
with the grants that give the label. It was evaluated. A label that decides the
identity of a pod is never proposed.

Endpoints are the same as those of netpol reach. A Service (service/NAME) stands for its
pods: netpol finds the port of the pods, which policies see. Without a port, a
connection is allowed if any port is. The exit code is 0 if the connection is allowed, 1
if it is denied or depends on what netpol does not know, 2 if an input cannot be read or
an endpoint is not known, and 3 if the cluster does not answer.

Examples:
  Why a desktop cannot reach the session cache:
    netpol explain desktop memcached:11211

  The ports on which pyos reaches an address:
    netpol explain pyos 169.254.169.254

  Whether a pod with these labels would reach it:
    netpol explain run=pyos-od,netpol/memcached=true memcached:11211

  Whether the pod of a file reaches a name server:
    netpol explain -f netpol.yaml -f pod.yaml pod/directory 10.96.0.10:53/UDP

  Whether a pod of the cluster reaches a Service:
    netpol explain --live pod/pyos-od-5d9c7-x8k2p service/memcached:11211")]
pub struct Args {
    /// The endpoint that opens the connection: an id, NAME, KIND/NAME, labels, an address, a CIDR or world.
    #[arg(value_name = "FROM")]
    from: String,

    /// The endpoint that accepts it, and a port: memcached:11211, pod/dns:53/UDP, service/dns:53/UDP, 10.0.0.1:443.
    #[arg(value_name = "TO[:PORT]")]
    to: String,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    source: SourceArgs,
}

/// Explains a connection.
///
/// # Errors
/// Returns an error, and writes nothing, if an input cannot be read or an endpoint is not known.
pub fn run(args: &Args, streams: &mut Streams) -> CommandResult {
    let world = args.source.load(streams)?;
    let asked = asked(&args.from, &args.to, &world)?;
    let explained = Explanation::new(&world.policies, &asked, &args.source.canons()?);
    let explanation = Explanation { left_out: world.all_left_out(), ..explained };
    match args.output.output {
        Format::Json => {
            let text = serde_json::to_string_pretty(&explanation).map_err(Failure::internal)?;
            writeln!(streams.out, "{text}")?;
        }
        Format::Text => text::write(&explanation, &mut streams.out)?,
    }
    Ok(if explanation.verdict == Verdict::Allowed { Status::Clean } else { Status::Findings })
}
