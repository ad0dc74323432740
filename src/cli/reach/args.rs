//! The arguments of `reach`.

use clap::ValueEnum;

use super::port::Port;
use super::source::SourceArgs;

/// The arguments of `reach`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Without --file, the endpoints are those of the first canon: each identity with the
labels that it is granted, other pods that its policies select, a pod of the
namespace and a pod of another namespace without labels (abcdesktop/*, */*), and
the addresses that policies tell apart. What is between two endpoints outside of the
namespace is not shown, because other policies may apply to it. With --file, they are
the Pods and the pods of workloads in the files, with the labels that the files have,
and the addresses. With --live, they are the pods of the namespaces of --namespace, and
the pods of other namespaces that can connect to or from these. Pods that policies
cannot tell apart are one endpoint: shop/Pod/web-1 (+11) is twelve pods. There, the
name of a workload (deployment/web) stands for its pods, and that of a grant for the
pods that it selects.

\"depends\" is what network plugins treat differently, or what is not known: netpol
does not guess. Only NetworkPolicies are evaluated. The exit code is 0; 1 if --diff
finds a difference; 2 if an input cannot be read or an endpoint is not known; 3 if the
cluster does not answer or denies access to its policies.

Examples:
  Who reaches whom under the release 4.4:
    netpol reach --canon abcdesktop-4.4

  Who reaches the desktops, and on which ports:
    netpol reach --to desktop

  Who reaches port 443 anywhere:
    netpol reach --to world --port 443

  The connections between the pods of files:
    netpol reach -f netpol.yaml -f pod.yaml --output csv

  Who reaches whom in the cluster of the kubeconfig:
    netpol reach --live -n abcdesktop

  What a change of policies changes, for the identities of the canon:
    netpol reach --diff abcdesktop-4.4 abcdesktop

  What a file would change in the cluster:
    netpol reach --diff live netpol.yaml

  A graph:
    netpol reach --to desktop --output mermaid

  The same for programs:
    netpol reach --output json | jq '.connections[] | select(.to == \"pyos\").from'")]
pub struct Args {
    /// Only connections from this endpoint (repeatable): an id, NAME, KIND/NAME, labels, an address, a CIDR or world.
    #[arg(long, value_name = "ENDPOINT")]
    pub(super) from: Vec<String>,

    /// Only connections to this endpoint (repeatable).
    #[arg(long, value_name = "ENDPOINT")]
    pub(super) to: Vec<String>,

    /// Only this port: 443 (of TCP), or 53/UDP.
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<Port>,

    /// Compare two of: a built-in canon, a file or folder, live (the cluster).
    ///
    /// Prints the connections that are added, removed or changed from A to B. Files of `--file` belong to both sides. A side
    /// without pods has those of the other; if neither has any, both have the identities of `--canon`.
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with = "live")]
    pub(super) diff: Option<Vec<String>>,

    /// Endpoints for pods that policies cannot tell apart.
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub(super) by: By,

    /// Output format.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, env = "NETPOL_OUTPUT")]
    pub(super) output: Format,

    #[command(flatten)]
    pub(super) source: SourceArgs,
}

/// Which pods are one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum By {
    /// One endpoint for all of them in a namespace, with the name of the first and the number of the others.
    #[default]
    Class,
    /// One endpoint for each pod.
    Pod,
}

/// The format of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// A table for people; a list if the table is wider than the terminal.
    #[default]
    Text,
    /// JSON for programs.
    Json,
    /// One line for each connection and protocol.
    Csv,
    /// A table for documents.
    Markdown,
    /// A graph for Graphviz.
    Dot,
    /// A graph for Mermaid, for documents.
    Mermaid,
}
