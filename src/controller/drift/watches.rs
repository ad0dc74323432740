//! The watches.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::task::JoinSet;

use super::store::Store;
use super::stores::{Shared, Stores, WholeObject};
use crate::cluster::{Cluster, Followed, Form};
use crate::drift::{NamespaceObject, PodObject, PolicyObject};

/// Returns the stores of the watches, which are empty.
pub(super) fn stores(namespaces: &[String], registration: &str) -> Stores {
    fn empty<T>(namespaces: &[String]) -> BTreeMap<String, Store<T>> {
        namespaces.iter().map(|namespace| (namespace.clone(), Store::default())).collect()
    }
    Stores {
        policies: empty(namespaces),
        pods: empty(namespaces),
        on_host_network: empty(namespaces),
        registration: registration.to_owned(),
        ..Stores::default()
    }
}

/// Starts the watches as tasks. They never end.
pub(super) fn start(tasks: &mut JoinSet<()>, cluster: &Cluster, shared: &Shared, namespaces: &[String], registration: &str) {
    for namespace in namespaces {
        let (mine, to, of) = (cluster.clone(), shared.clone(), namespace.clone());
        let policies = followed("/apis/networking.k8s.io/v1", Some(namespace), "networkpolicies", Form::Whole, "");
        tasks.spawn(async move {
            let read = |object: Value| Some(PolicyObject::read(&object));
            mine.follow(&policies, read, |news| to.take(news, |stores| stores.policies.get_mut(&of))).await;
        });
        let (mine, to, of) = (cluster.clone(), shared.clone(), namespace.clone());
        let pods = followed("/api/v1", Some(namespace), "pods", Form::Metadata, "status.phase!=Succeeded,status.phase!=Failed");
        tasks.spawn(async move {
            let read = |object: Value| Some(PodObject::read(&object));
            mine.follow(&pods, read, |news| to.take(news, |stores| stores.pods.get_mut(&of))).await;
        });
        let (mine, to, of) = (cluster.clone(), shared.clone(), namespace.clone());
        let selector = "spec.hostNetwork=true,status.phase!=Succeeded,status.phase!=Failed";
        let pods = followed("/api/v1", Some(namespace), "pods", Form::Metadata, selector);
        tasks.spawn(async move {
            let read = |object: Value| Some(PodObject::read(&object));
            mine.follow(&pods, read, |news| to.take(news, |stores| stores.on_host_network.get_mut(&of))).await;
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

fn followed(api: &str, namespace: Option<&String>, resource: &str, form: Form, selector: &str) -> Followed {
    let (api, resource, selector) = (api.to_owned(), resource.to_owned(), selector.to_owned());
    Followed { api, namespace: namespace.cloned(), resource, form, selector }
}
