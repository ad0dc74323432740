//! The watches.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::task::JoinSet;

use super::store::Store;
use super::stores::{Shared, Stores, WholeObject};
use crate::cluster::{Cluster, Followed, Form, Selectors};
use crate::drift::{NamespaceObject, PodObject, Pods, PolicyObject, Program};

/// What is watched.
#[derive(Debug)]
pub(super) struct Watched {
    /// The guarded namespaces.
    pub(super) namespaces: Vec<String>,
    /// The label selectors of the pods of which it is read what they run.
    pub(super) programs: BTreeSet<String>,
    /// The name of the webhook configurations.
    pub(super) registration: String,
}

impl Watched {
    /// Returns the namespace and the selector of each watch of what pods run.
    fn limited(&self) -> impl Iterator<Item = (String, String)> {
        self.namespaces.iter().flat_map(|namespace| self.programs.iter().map(|labels| (namespace.clone(), labels.clone())))
    }
}

/// Returns the stores of the watches, which are empty.
pub(super) fn stores(watched: &Watched) -> Stores {
    fn empty<T>(namespaces: &[String]) -> BTreeMap<String, Store<T>> {
        namespaces.iter().map(|namespace| (namespace.clone(), Store::default())).collect()
    }
    let Watched { namespaces, registration, .. } = watched;
    Stores {
        policies: empty(namespaces),
        pods: empty(namespaces),
        on_host_network: empty(namespaces),
        programs: watched.limited().map(|key| (key, Store::default())).collect(),
        registration: registration.clone(),
        ..Stores::default()
    }
}

/// Starts the watches as tasks. They never end.
pub(super) fn start(tasks: &mut JoinSet<()>, cluster: &Cluster, shared: &Shared, watched: &Watched) {
    let Watched { namespaces, registration, .. } = watched;
    for namespace in namespaces {
        let (mine, to, of) = (cluster.clone(), shared.clone(), namespace.clone());
        let policies = followed("/apis/networking.k8s.io/v1", Some(namespace), "networkpolicies", Form::Whole, "");
        tasks.spawn(async move {
            let read = |object: Value| Some(PolicyObject::read(&object));
            mine.follow(&policies, read, |news| to.take(news, |stores| stores.policies.get_mut(&of))).await;
        });
        let (mine, to, of) = (cluster.clone(), shared.clone(), namespace.clone());
        let pods = followed("/api/v1", Some(namespace), "pods", Form::Metadata, Pods::RUNNING);
        tasks.spawn(async move {
            let read = |object: Value| Some(PodObject::read(&object));
            mine.follow(&pods, read, |news| to.take(news, |stores| stores.pods.get_mut(&of))).await;
        });
        let (mine, to, of) = (cluster.clone(), shared.clone(), namespace.clone());
        let pods = followed("/api/v1", Some(namespace), "pods", Form::Metadata, Pods::ON_HOST_NETWORK);
        tasks.spawn(async move {
            let read = |object: Value| Some(PodObject::read(&object));
            mine.follow(&pods, read, |news| to.take(news, |stores| stores.on_host_network.get_mut(&of))).await;
        });
    }
    for key in watched.limited() {
        let (mine, to) = (cluster.clone(), shared.clone());
        let pods = followed("/api/v1", Some(&key.0), "pods", Form::Large, Pods::RUNNING);
        let pods = Followed { selectors: pods.selectors.labels(&key.1), ..pods };
        tasks.spawn(async move {
            let read = |object: Value| Program::read(&object);
            mine.follow(&pods, read, |news| to.take(news, |stores| stores.programs.get_mut(&key))).await;
        });
    }
    let (mine, to) = (cluster.clone(), shared.clone());
    let all = followed("/api/v1", None, "namespaces", Form::Metadata, "");
    tasks.spawn(async move {
        let read = |object: Value| Some(NamespaceObject::read(&object));
        mine.follow(&all, read, |news| to.take(news, |stores| Some(&mut stores.namespaces))).await;
    });
    let api = "/apis/admissionregistration.k8s.io/v1";
    let selector = format!("metadata.name={registration}");
    let (mine, to) = (cluster.clone(), shared.clone());
    let mutating = followed(api, None, "mutatingwebhookconfigurations", Form::Whole, &selector);
    tasks.spawn(async move {
        mine.follow(&mutating, WholeObject::read, |news| to.take(news, |stores| Some(&mut stores.mutating))).await;
    });
    let (mine, to) = (cluster.clone(), shared.clone());
    let validating = followed(api, None, "validatingwebhookconfigurations", Form::Whole, &selector);
    tasks.spawn(async move {
        mine.follow(&validating, WholeObject::read, |news| to.take(news, |stores| Some(&mut stores.validating))).await;
    });
}

fn followed(api: &str, namespace: Option<&String>, resource: &str, form: Form, fields: &str) -> Followed {
    let (api, resource, selectors) = (api.to_owned(), resource.to_owned(), Selectors::fields(fields));
    Followed { api, namespace: namespace.cloned(), resource, form, selectors }
}
