//! The objects of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::anyhow;
use serde_json::Value;

use super::objects::Objects;
use super::pods::{PodFacts, has_ended, labels};
use super::services::Service;
use crate::cli::exit::Failure;
use crate::cli::manifests::display::{Count, printable};
use crate::cluster::{CallCause, CallError, Chosen, Cluster, Collection, Form, ObjectRef, Selectors};
use crate::documents::values::text;
use crate::verdict::foreign;

/// The field manager of writes. None is made.
const MANAGER: &str = "netpol";

const CORE: &str = "/api/v1";
const NETWORKING: &str = "/apis/networking.k8s.io/v1";

/// The objects of a cluster, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) objects: Objects,
    /// What could not be read, and what the answer lacks, as sentences.
    pub(super) left_out: Vec<String>,
    /// Policies of other APIs, as sentences.
    pub(super) foreign: Vec<String>,
}

/// Objects of one kind, with the namespaces in which they were read.
struct Read<T> {
    objects: Vec<T>,
    /// Why not all namespaces could be read; `None` if they were.
    denied: Option<CallError>,
}

/// Reads a cluster. `own` are the namespaces that are read if reading all of them is not allowed.
///
/// # Errors
/// No cluster is configured, or it does not answer, or policies may not be read.
pub(super) fn read(chosen: &Chosen, own: &[String]) -> Result<Live, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
    // The client starts a task.
    let entered = runtime.enter();
    let cluster = Cluster::find(chosen, MANAGER).map_err(|error| Failure::input(anyhow!(error)))?;
    drop(entered);
    runtime.block_on(read_all(&cluster, own)).map_err(|error| Failure::internal(anyhow!(error)))
}

async fn read_all(cluster: &Cluster, own: &[String]) -> Result<Live, CallError> {
    let mut live = Live::default();
    read_namespaces(cluster, own, &mut live).await?;
    let policies = in_namespaces(cluster, (NETWORKING, "networkpolicies"), own, |object| Some(object_of(&object)?.with(object))).await?;
    let Read { objects: found, denied: denied_policies } = policies;
    if let Some(error) = &denied_policies {
        live.left_out.push(format!("{error}; only those of {} are evaluated, and pods of other namespaces look open", listed(own)));
    }
    for (namespace, name, object) in found {
        if let Err(faults) = live.objects.add_policy((&namespace, &name), &object, None) {
            live.left_out.push(format!(
                "NetworkPolicy \"{}/{}\" is not evaluated, so pods that it selects look more open or more closed than they are: {}",
                printable(&namespace),
                printable(&name),
                faults.join("; ")
            ));
        }
    }
    let read = |object: Value| {
        let (namespace, name) = object_of(&object).map(|of| (of.0, of.1))?;
        (!has_ended(&object)).then(|| (namespace, name, PodFacts::read(&object)))
    };
    let Read { objects: found, denied } = in_namespaces(cluster, (CORE, "pods"), own, read).await?;
    if let Some(error) = denied {
        let without =
            if found.is_empty() { "there are no pods in the answer".to_owned() } else { format!("only pods of {} are shown", listed(own)) };
        live.left_out.push(format!("{error}; {without}"));
    }
    for (namespace, name, facts) in found {
        // Policies that could not be read may apply to a pod of another namespace.
        let outside = denied_policies.is_some() && !own.contains(&namespace);
        match facts {
            Ok(facts) => live.objects.add_pods((&namespace, "Pod", &name), facts, outside),
            Err(problem) => live.left_out.push(format!("pod \"{namespace}/{name}\" is not shown: {problem}")),
        }
    }
    let read = |object: Value| {
        let (namespace, name) = object_of(&object).map(|of| (of.0, of.1))?;
        Some(Service::read(&namespace, &name, &object).map_err(|problem| format!("service \"{namespace}/{name}\" is not known: {problem}")))
    };
    let Read { objects: found, denied } = in_namespaces(cluster, (CORE, "services"), own, read).await?;
    if let Some(error) = denied {
        live.left_out.push(format!("{error}; an argument cannot name those that could not be read"));
    }
    for service in found {
        match service {
            Ok(service) => live.objects.services.push(service),
            Err(problem) => live.left_out.push(problem),
        }
    }
    read_foreign(cluster, own, &mut live).await?;
    live.objects.finish();
    Ok(live)
}

/// The namespace and the name of an object.
struct Named(String, String);

impl Named {
    fn with<T>(self, object: T) -> (String, String, T) {
        (self.0, self.1, object)
    }
}

fn object_of(object: &Value) -> Option<Named> {
    Some(Named(text(object, "/metadata/namespace")?.to_owned(), text(object, "/metadata/name")?.to_owned()))
}

fn listed(own: &[String]) -> String {
    own.iter().map(|namespace| format!("\"{namespace}\"")).collect::<Vec<_>>().join(", ")
}

/// Reads a kind in all namespaces, or, if that is not allowed, in those of `own` where it is.
async fn in_namespaces<T>(
    cluster: &Cluster,
    (api, resource): (&str, &str),
    own: &[String],
    read: impl Fn(Value) -> Option<T>,
) -> Result<Read<T>, CallError> {
    let collection = |namespace| Collection { api, namespace, resource };
    let denied = match cluster.list(&collection(None), Form::Whole, &Selectors::default(), &read).await {
        Ok((objects, _)) => return Ok(Read { objects, denied: None }),
        Err(error) if error.cause == CallCause::Forbidden => error,
        Err(error) => return Err(error),
    };
    let mut objects = Vec::new();
    let mut denied = denied;
    for namespace in own {
        match cluster.list(&collection(Some(namespace)), Form::Whole, &Selectors::default(), &read).await {
            Ok((found, _)) => objects.extend(found),
            // An answer without the policies of a namespace would say that everything is open.
            Err(error) if error.cause == CallCause::Forbidden && resource != "networkpolicies" => denied = error,
            Err(error) => return Err(error),
        }
    }
    Ok(Read { objects, denied: Some(denied) })
}

/// Reads the namespaces and their labels.
async fn read_namespaces(cluster: &Cluster, own: &[String], live: &mut Live) -> Result<(), CallError> {
    let collection = Collection { api: CORE, namespace: None, resource: "namespaces" };
    let labels_of = |object: &Value| labels(object).unwrap_or_default();
    let read = |object: Value| Some((text(&object, "/metadata/name")?.to_owned(), labels_of(&object)));
    let denied = match cluster.list(&collection, Form::Metadata, &Selectors::default(), read).await {
        Ok((found, _)) => {
            for (name, labels) in found {
                live.objects.add_namespace(&name, labels);
            }
            let missing: Vec<String> = own.iter().filter(|name| !live.objects.namespaces.contains_key(*name)).cloned().collect();
            if !missing.is_empty() {
                live.left_out.push(format!("there is no namespace {} in this cluster (--namespace names others)", listed(&missing)));
            }
            return Ok(());
        }
        Err(error) if error.cause == CallCause::Forbidden => error,
        Err(error) => return Err(error),
    };
    for name in own {
        match cluster.get(&ObjectRef { collection, name, is_secret: false }).await {
            Ok(Some(object)) => live.objects.add_namespace(name, labels_of(&object)),
            Ok(None) => {}
            Err(error) if error.cause == CallCause::Forbidden => {}
            Err(error) => return Err(error),
        }
    }
    let known: BTreeSet<&String> = own.iter().filter(|name| live.objects.namespaces.contains_key(*name)).collect();
    let except = if known.is_empty() { String::new() } else { format!(" except {}", listed(own)) };
    live.left_out.push(format!(
        "{denied}; the labels of namespaces{except} are not known, so what rules allow to or from namespaces with labels is missing"
    ));
    Ok(())
}

/// Names the policies of other APIs that may apply in the namespaces `own`.
async fn read_foreign(cluster: &Cluster, own: &[String], live: &mut Live) -> Result<(), CallError> {
    let served = cluster.document("/apis").await?.unwrap_or_default();
    let groups = served.get("groups").and_then(Value::as_array).into_iter().flatten();
    let versions: BTreeMap<&str, Vec<&str>> = groups
        .filter_map(|group| {
            let versions = group.get("versions").and_then(Value::as_array).into_iter().flatten();
            Some((text(group, "/name")?, versions.filter_map(|version| text(version, "/groupVersion")).collect()))
        })
        .collect();
    // The kinds that rules refer to say nothing without a rule.
    let is_policy =
        |kind: &&foreign::ForeignKind| !kind.plugin_written && ["polic", "firewall"].iter().any(|word| kind.resource.contains(word));
    for kind in foreign::KINDS.iter().filter(is_policy) {
        for version in versions.get(kind.group).into_iter().flatten() {
            let api = format!("/apis/{version}");
            let collection = Collection { api: &api, namespace: None, resource: kind.resource };
            let applies = |object: Value| match text(&object, "/metadata/namespace") {
                Some(namespace) => own.iter().any(|known| known == namespace).then_some(()),
                None => Some(()),
            };
            match cluster.list(&collection, Form::Metadata, &Selectors::default(), applies).await {
                Ok((found, _)) => {
                    if !found.is_empty() {
                        let count = Count(found.len(), "object");
                        live.foreign.push(format!(
                            "{count} of {}.{}, policies of another API that can apply to these pods, are not evaluated",
                            kind.resource, kind.group
                        ));
                    }
                    break;
                }
                // Another version of the group has the kind, or none.
                Err(error) if error.cause == CallCause::Missing => {}
                Err(error) if error.cause == CallCause::Forbidden => {
                    live.left_out.push(format!("{error}; whether there are such policies is not known"));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
