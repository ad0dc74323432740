//! The result of `reach` in the form of `--output json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::matrix::Matrix;
use crate::analysis::{Endpoint, PortSet};

const SCHEMA: &str = "netpol.abcdesktop.io/reach/v1";

#[derive(Debug, Serialize)]
pub(super) struct Report<'r> {
    schema: &'static str,
    endpoints: Vec<Listed<'r>>,
    connections: Vec<Connection<'r>>,
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
    ports: BTreeMap<&'static str, Vec<String>>,
    depends_on_plugin: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl<'r> Report<'r> {
    pub(super) fn new(matrix: &'r Matrix<'r>) -> Report<'r> {
        let shown: BTreeSet<usize> = matrix.from.iter().chain(&matrix.to).copied().collect();
        let endpoints = shown.into_iter().filter_map(|index| matrix.endpoint(index)).map(|endpoint| listed(matrix, endpoint)).collect();
        let mut connections = Vec::new();
        for (from, to, flow) in matrix.connections() {
            let entry = |ports: &PortSet, reasons: Vec<String>| {
                let depends_on_plugin = !reasons.is_empty();
                Connection { from: &from.id, to: &to.id, ports: ports.by_protocol().collect(), depends_on_plugin, reasons }
            };
            if !flow.allowed.is_empty() {
                connections.push(entry(&flow.allowed, Vec::new()));
            }
            if !flow.depends.is_empty() {
                connections.push(entry(&flow.depends, flow.reasons.iter().map(ToString::to_string).collect()));
            }
        }
        Report { schema: SCHEMA, endpoints, connections }
    }
}

fn listed<'r>(matrix: &'r Matrix<'r>, endpoint: &'r Endpoint) -> Listed<'r> {
    let (namespace, name) = match &endpoint.object {
        Some((namespace, name)) => (Some(namespace.as_str()), Some(name.as_str())),
        None => (None, None),
    };
    Listed { id: &endpoint.id, kind: &endpoint.kind, namespace, name, pods: matrix.pods.get(&endpoint.id).map(Vec::as_slice) }
}
