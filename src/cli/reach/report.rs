//! The result of `reach` in the form of `--output json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::matrix::Matrix;
use crate::analysis::{Endpoint, Flow, PortSet};

const SCHEMA: &str = "netpol.abcdesktop.io/reach/v1";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'r> {
    schema: &'static str,
    endpoints: Vec<Listed<'r>>,
    connections: Vec<Connection<'r>>,
    /// What could not be read, as sentences.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    left_out: &'r [String],
}

#[derive(Debug, Serialize)]
struct Listed<'r> {
    id: &'r str,
    kind: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'r str>,
    /// The names of the pods, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<&'r [String]>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection<'r> {
    from: &'r str,
    to: &'r str,
    #[serde(flatten)]
    open: Open,
}

/// Ports that are open, or that depend.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Open {
    ports: BTreeMap<&'static str, Vec<String>>,
    depends_on_plugin: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl Open {
    /// Returns the ports of a flow: those that are open, and those that depend.
    pub(super) fn of(flow: &Flow) -> Vec<Open> {
        let entry = |ports: &PortSet, reasons: Vec<String>| {
            let depends_on_plugin = !reasons.is_empty();
            (!ports.is_empty()).then(|| Open { ports: ports.by_protocol().collect(), depends_on_plugin, reasons })
        };
        let reasons = flow.reasons.iter().map(ToString::to_string).collect();
        entry(&flow.allowed, Vec::new()).into_iter().chain(entry(&flow.depends, reasons)).collect()
    }
}

impl<'r> Report<'r> {
    pub(super) fn new(matrix: &'r Matrix<'r>) -> Report<'r> {
        let shown: BTreeSet<usize> = matrix.from.iter().chain(&matrix.to).copied().collect();
        let endpoints = shown.into_iter().filter_map(|index| matrix.endpoint(index)).map(|endpoint| listed(matrix, endpoint)).collect();
        let of = |(from, to, flow): (&'r Endpoint, &'r Endpoint, Flow)| {
            Open::of(&flow).into_iter().map(|open| Connection { from: &from.id, to: &to.id, open })
        };
        let connections = matrix.connections().flat_map(of).collect();
        Report { schema: SCHEMA, endpoints, connections, left_out: &matrix.left_out }
    }
}

fn listed<'r>(matrix: &'r Matrix<'r>, endpoint: &'r Endpoint) -> Listed<'r> {
    let (namespace, name) = match &endpoint.object {
        Some((namespace, name)) => (Some(namespace.as_str()), Some(name.as_str())),
        None => (None, None),
    };
    Listed { id: &endpoint.id, kind: &endpoint.kind, namespace, name, pods: matrix.pods.get(&endpoint.id).map(Vec::as_slice) }
}
