//! Policies and endpoints, read from a canon, from files or from a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::ValueEnum;

use super::live;
use super::objects::{self, Objects};
use super::services::Service;
use super::written::Written;
use crate::analysis::{End, Endpoint, NamedPolicy, Namespace, identities};
use crate::canon::{Canons, Grant};
use crate::cli::exit::Failure;
use crate::cli::input;
use crate::cli::judge_args::CanonArgs;
use crate::cli::manifests;
use crate::cli::manifests::Manifest;
use crate::cli::manifests::display::Count;
use crate::cli::output::Streams;
use crate::cluster::Chosen;
use crate::verdict::foreign::GivenKind;

/// The flags that say what is evaluated.
#[derive(Debug, clap::Args)]
pub(crate) struct SourceArgs {
    /// File with NetworkPolicies, Pods, workloads, Services and Namespaces, instead of the canon (repeatable); - is standard input.
    ///
    /// An object without a namespace is in the first `--namespace`. A namespace that is not in the files has only the label
    /// `kubernetes.io/metadata.name`.
    #[arg(long = "file", short = 'f', value_name = "FILE")]
    pub(super) files: Vec<String>,

    /// Evaluate the cluster of the kubeconfig instead of the canon.
    #[arg(long, conflicts_with = "files")]
    pub(super) live: bool,

    /// Kubeconfig file of the cluster, instead of those of KUBECONFIG.
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig, instead of the current one.
    #[arg(long, value_name = "NAME")]
    pub(super) context: Option<String>,

    /// Whether the network plugin matches an ipBlock with the addresses of pods; without it, such a connection depends.
    ///
    /// With `yes`, a connection still depends if the addresses of the pod are not known.
    #[arg(long, value_name = "HOW", value_enum)]
    pub(super) blocks_match_pods: Option<Blocks>,

    #[command(flatten)]
    pub(super) canon: CanonArgs,
}

/// Whether a network plugin matches blocks with pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Blocks {
    /// An ipBlock that contains the address of a pod applies to the pod.
    Yes,
    /// No ipBlock applies to a pod (Cilium).
    No,
}

/// What is evaluated.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The policies.
    pub(crate) policies: Vec<NamedPolicy>,
    /// The endpoints.
    pub(crate) endpoints: Vec<Endpoint>,
    /// The Services.
    pub(crate) services: Vec<Service>,
    /// The namespace of endpoints that are named without one.
    pub(crate) namespace: Namespace,
    /// The namespaces that are known, by name.
    pub(crate) namespaces: BTreeMap<String, Namespace>,
    /// Whether the policies are those of a canon, so that other namespaces may have policies that are not known.
    pub(crate) is_canon: bool,
    /// The namespaces that are shown whole. Of other namespaces, only what connects to or from these is shown. `None` means all.
    pub(crate) shown: Option<BTreeSet<String>>,
    /// Whether the network plugin matches blocks with pods, if that is known.
    pub(crate) blocks: Option<bool>,
    /// What could not be read, as sentences.
    pub(crate) left_out: Vec<String>,
    /// What was evaluated, in words.
    pub(crate) about: String,
    /// How each policy is written, by its index. If it is not known, there is no entry.
    pub(crate) written: Vec<Written>,
    /// What was read, but not evaluated, as sentences.
    pub(crate) not_evaluated: Vec<String>,
    /// The workloads of pods, as kind and name, by the id of the pod.
    pub(crate) workloads: BTreeMap<String, Vec<(String, String)>>,
    /// The grants whose names stand for the pods of a cluster that they select; none if the endpoints are not those of a cluster.
    pub(crate) grants: Vec<Grant>,
}

impl World {
    /// Returns whether an endpoint is in a namespace of which not everything is shown.
    pub(crate) fn is_elsewhere(&self, endpoint: &Endpoint) -> bool {
        let shown = self.shown.as_ref().zip(endpoint.object.as_ref());
        shown.is_some_and(|(shown, (namespace, _))| !shown.contains(namespace))
    }

    /// Returns what the answers leave out, as sentences: what could not be read, and what was read but not evaluated.
    pub(crate) fn all_left_out(&self) -> Vec<String> {
        self.left_out.iter().chain(&self.not_evaluated).cloned().collect()
    }

    /// Returns the same world, in which all pods have `blocks`.
    fn settled(mut self) -> World {
        self.settle();
        self
    }

    /// Tells all pods whether the network plugin matches blocks with them.
    pub(super) fn settle(&mut self) {
        for endpoint in &mut self.endpoints {
            if let End::Pods(pods) = &mut endpoint.end {
                pods.blocks = self.blocks;
            }
        }
    }
}

impl SourceArgs {
    /// Returns the first canon, for the first namespace.
    ///
    /// # Errors
    /// Returns an error if the canon cannot be read or is not valid.
    pub(crate) fn canons(&self) -> Result<Canons, Failure> {
        let first: Vec<String> = self.canon.canons.iter().take(1).cloned().collect();
        Canons::load_with_kinds(&first, self.given_kinds(), &[self.own().to_owned()]).map_err(Failure::input)
    }

    /// Reads what is evaluated.
    ///
    /// # Errors
    /// Returns an error if an input cannot be read or is not valid, or if the cluster does not answer.
    pub(crate) fn load(&self, streams: &mut Streams) -> Result<World, Failure> {
        if self.live {
            return self.cluster(streams);
        }
        self.without_cluster()?;
        if self.files.is_empty() {
            return Ok(self.of_canon(&self.canons()?));
        }
        let manifests = manifests::read_manifests(input::read(&self.files, streams)?, &[])?;
        self.of_manifests(&manifests, self.files.len(), streams)
    }

    /// Returns the first namespace.
    pub(super) fn own(&self) -> &str {
        self.canon.namespaces.first().map(String::as_str).unwrap_or_default()
    }

    /// Returns the kinds of policies of other APIs that a canon may have.
    pub(super) fn given_kinds(&self) -> &[GivenKind] {
        &self.canon.kinds.foreign_kinds
    }

    /// Rejects the flags that choose a cluster.
    ///
    /// # Errors
    /// One of them is set.
    pub(super) fn without_cluster(&self) -> Result<(), Failure> {
        match (&self.kubeconfig, &self.context) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(Failure::input(anyhow!("--kubeconfig chooses a cluster: add --live"))),
            (None, Some(_)) => Err(Failure::input(anyhow!("--context chooses a cluster: add --live"))),
        }
    }

    /// Returns the policies of a canon and the endpoints that they tell apart.
    pub(super) fn of_canon(&self, canons: &Canons) -> World {
        let own = self.own();
        let (policies, endpoints) = identities::of_canon(canons, own);
        let about = format!("canon {}, namespace {own}", canons.first().source);
        let canonical = canons.first().policies(own).into_iter().flat_map(|policies| policies.by_name.values());
        let written = canonical.map(|canonical| Written::new(&canonical.manifest, own, None)).collect();
        World { is_canon: true, ..self.world(Objects { policies, endpoints, written, ..Objects::default() }, about) }.settled()
    }

    /// Returns what is in manifests, and warns about what is not evaluated.
    ///
    /// # Errors
    /// An object is not valid.
    pub(super) fn of_manifests(&self, manifests: &[Manifest], files: usize, streams: &mut Streams) -> Result<World, Failure> {
        let found = objects::read(manifests, self.own());
        let found = found.map_err(|problems| Failure::input(anyhow!("cannot read {}", problems.join("\n  "))))?;
        let not_evaluated = objects::not_evaluated(manifests);
        for sentence in &not_evaluated {
            streams.warn(sentence);
        }
        if found.policies.is_empty() {
            streams.warn("there is no NetworkPolicy in these files, so every connection is allowed");
        }
        let about = format!("{} in {}", Count(found.policies.len(), "policy"), Count(files, "file"));
        Ok(World { not_evaluated, ..self.world(found, about) }.settled())
    }

    /// Reads the cluster, and warns about what is not evaluated.
    ///
    /// # Errors
    /// No cluster is configured, or it does not answer.
    pub(super) fn cluster(&self, streams: &mut Streams) -> Result<World, Failure> {
        let chosen = Chosen { kubeconfig: self.kubeconfig.clone(), context: self.context.clone() };
        let found = live::read(&chosen, &self.canon.namespaces)?;
        for warning in found.left_out.iter().chain(&found.foreign) {
            streams.warn(warning);
        }
        let about =
            format!("{} of the cluster, namespace {}", Count(found.objects.policies.len(), "policy"), self.canon.namespaces.join(", "));
        let shown = Some(self.canon.namespaces.iter().cloned().collect());
        let grants = self.canons()?.first().grants.clone();
        Ok(World { shown, grants, left_out: found.left_out, not_evaluated: found.foreign, ..self.world(found.objects, about) }.settled())
    }

    fn world(&self, objects: Objects, about: String) -> World {
        let own = self.own();
        let Objects { policies, endpoints, mut namespaces, services, written, workloads, .. } = objects;
        let namespace = namespaces.entry(own.to_owned()).or_insert_with(|| Namespace::new(own, BTreeMap::new())).clone();
        let blocks = self.blocks_match_pods.map(|blocks| blocks == Blocks::Yes);
        let (is_canon, shown, grants, left_out, not_evaluated) = (false, None, Vec::new(), Vec::new(), Vec::new());
        World {
            policies,
            endpoints,
            services,
            namespace,
            namespaces,
            is_canon,
            shown,
            blocks,
            left_out,
            about,
            written,
            not_evaluated,
            workloads,
            grants,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        source: SourceArgs,
    }

    /// Returns what is in manifests, with the first namespace `own`.
    pub(crate) fn world(text: &str, own: &str) -> World {
        let Command { source } = Command::parse_from(["reach", "--namespace", own]);
        let file = input::Input { name: "files".to_owned(), bytes: text.into() };
        let found = objects::read(&manifests::read_manifests(vec![file], &[]).unwrap(), own).unwrap();
        source.world(found, "files".to_owned()).settled()
    }
}
