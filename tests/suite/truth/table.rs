//! A table as it is written in its file.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::support::root;

pub(super) type Labels = BTreeMap<String, String>;

/// A file of `tests/truth`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) namespaces: BTreeMap<String, Labels>,
    pub(super) pods: BTreeMap<String, Pod>,
    pub(super) ports: BTreeMap<String, String>,
    pub(super) cases: Vec<Case>,
    #[serde(default)]
    pub(super) peers: Vec<Meant>,
    #[serde(default)]
    pub(super) portlists: Vec<(Value, String, Value)>,
    #[serde(default)]
    pub(super) blocks: Vec<(Value, String, Value)>,
    #[serde(default)]
    pub(super) selectors: Vec<(Value, Option<Labels>, Value)>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pod {
    pub(super) labels: Labels,
    pub(super) ip: Option<String>,
    #[serde(default, rename = "hostNetwork")]
    pub(super) host_network: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    /// The namespace, or none, and the spec of each policy.
    pub(super) policies: BTreeMap<String, (Option<String>, Value)>,
    steps: Option<Vec<Step>>,
    #[serde(default)]
    closed: Vec<String>,
    #[serde(default)]
    open: Vec<String>,
    #[serde(default)]
    depends: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) with: Option<Vec<String>>,
    /// The labels that pods and namespaces get, or lose.
    #[serde(default)]
    pub(super) labels: BTreeMap<String, BTreeMap<String, Option<String>>>,
    #[serde(default)]
    ports: Vec<String>,
    #[serde(default)]
    not: Vec<String>,
    #[serde(default)]
    pub(super) closed: Vec<String>,
    #[serde(default)]
    pub(super) open: Vec<String>,
    #[serde(default)]
    pub(super) depends: Vec<String>,
}

/// The pods that a peer of a policy in a namespace means, and pods that it does not mean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meant {
    #[serde(rename = "in")]
    pub(super) namespace: String,
    pub(super) peer: Value,
    #[serde(default)]
    pub(super) means: Value,
    #[serde(default)]
    pub(super) not: Vec<String>,
}

impl Table {
    pub(super) fn read(file: &str) -> Table {
        let text = std::fs::read_to_string(root().join("tests/truth").join(file)).unwrap();
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

impl Case {
    pub(super) fn steps(&self) -> Vec<Step> {
        let (closed, open, depends) = (self.closed.clone(), self.open.clone(), self.depends.clone());
        match &self.steps {
            Some(steps) => {
                assert!(closed.is_empty() && open.is_empty() && depends.is_empty() && !steps.is_empty(), "{}", self.name);
                steps.clone()
            }
            None => vec![Step { closed, open, depends, ..Step::default() }],
        }
    }
}

impl Step {
    fn lines(&self) -> impl Iterator<Item = &String> {
        self.closed.iter().chain(&self.open).chain(&self.depends)
    }

    /// Returns whether the step states every pair of pods.
    pub(super) fn is_matrix(&self) -> bool {
        let with_port = self.lines().filter(|line| line.split(' ').count() == 4).count();
        assert!(with_port == 0 || with_port == self.lines().count(), "all lines of a step have a port, or none has one: {self:?}");
        with_port == 0
    }

    /// Returns the ports of a step that states every pair.
    pub(super) fn ports(&self) -> Vec<String> {
        if !self.ports.is_empty() {
            assert!(self.not.is_empty(), "{self:?}");
            return self.ports.clone();
        }
        let all = ["TCP", "UDP", "SCTP"].into_iter().flat_map(|protocol| ["80", "81"].map(|number| format!("{number}/{protocol}")));
        all.filter(|port| !self.not.contains(port)).collect()
    }
}
