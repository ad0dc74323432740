//! Policies and endpoints, read from a canon or from files.

use std::collections::BTreeMap;

use anyhow::anyhow;

use super::objects;
use super::written::Written;
use crate::analysis::{Endpoint, NamedPolicy, Namespace, identities};
use crate::canon::Canons;
use crate::cli::exit::Failure;
use crate::cli::input;
use crate::cli::judge_args::CanonArgs;
use crate::cli::manifests;
use crate::cli::manifests::display::Count;
use crate::cli::output::Streams;

/// The flags that say what is evaluated.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// File with NetworkPolicies, Pods, workloads and Namespaces, instead of the canon (repeatable); - is standard input.
    ///
    /// An object without a namespace is in the first `--namespace`. A namespace that is not in the files has only the label
    /// `kubernetes.io/metadata.name`.
    #[arg(long = "file", short = 'f', value_name = "FILE")]
    files: Vec<String>,

    #[command(flatten)]
    canon: CanonArgs,
}

/// What is evaluated.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The policies.
    pub(crate) policies: Vec<NamedPolicy>,
    /// The endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The namespace of endpoints that are named without one.
    pub(crate) namespace: Namespace,
    /// The namespaces that are known, by name.
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    /// Whether the policies are those of a canon, so that other namespaces may have policies that are not known.
    pub(crate) is_canon: bool,
    /// What was evaluated, in words.
    pub(crate) about: String,
    /// How each policy is written, by its index. If it is not known, there is no entry.
    pub(crate) written: Vec<Written>,
    /// What was not evaluated, as sentences.
    pub(crate) not_evaluated: Vec<String>,
}

impl SourceArgs {
    /// Returns the first canon, for the first namespace.
    ///
    /// # Errors
    /// Returns an error if the canon cannot be read or is not valid.
    pub(crate) fn canons(&self) -> Result<Canons, Failure> {
        let first = |list: &[String]| list.iter().take(1).cloned().collect::<Vec<_>>();
        Canons::load(&first(&self.canon.canons), &first(&self.canon.namespaces)).map_err(Failure::input)
    }

    /// Reads what is evaluated.
    ///
    /// # Errors
    /// Returns an error if an input cannot be read or is not valid.
    pub(crate) fn load(&self, streams: &mut Streams) -> Result<World, Failure> {
        let own = self.canon.namespaces.first().map(String::as_str).unwrap_or_default();
        let namespace = Namespace::new(own, BTreeMap::new());
        if self.files.is_empty() {
            let canons = self.canons()?;
            let (policies, endpoints) = identities::of_canon(&canons, own);
            let about = format!("canon {}, namespace {own}", canons.first().source);
            let namespaces = [(own.to_owned(), namespace.clone())].into();
            let canonical = canons.first().policies(own).into_iter().flat_map(|policies| policies.by_name.values());
            let written = canonical.map(|canonical| Written::new(&canonical.manifest, own, None)).collect();
            return Ok(World { policies, endpoints, namespace, namespaces, is_canon: true, about, written, not_evaluated: Vec::new() });
        }
        let manifests = manifests::read_manifests(input::read(&self.files, streams)?, &[])?;
        let found = objects::read(&manifests, own).map_err(|problems| Failure::input(anyhow!("cannot read {}", problems.join("\n  "))))?;
        let not_evaluated = objects::not_evaluated(&manifests);
        for sentence in &not_evaluated {
            streams.warn(sentence);
        }
        if found.policies.is_empty() {
            streams.warn("there is no NetworkPolicy in these files, so every connection is allowed");
        }
        let about = format!("{} in {}", Count(found.policies.len(), "policy"), Count(self.files.len(), "file"));
        let namespace = found.namespaces.get(own).cloned().unwrap_or(namespace);
        let objects::Objects { policies, endpoints, namespaces, written } = found;
        Ok(World { policies, endpoints, namespace, namespaces, is_canon: false, about, written, not_evaluated })
    }
}
