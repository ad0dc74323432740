//! Lists the policies of other APIs: which of their kinds the API server has, and their objects.
//!
//! They are listed every minute, and after each repair, and not watched: most clusters have none of the kinds, and a watch for each
//! would only cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::stores::Shared;
use crate::canon::ForeignResource;
use crate::cluster::{CallError, Cluster, Collection, Form, Selectors, evaluated, jittered};
use crate::documents::values::text;
use crate::drift::{ForeignList, ForeignObject};
use crate::verdict::Guard;
use crate::verdict::foreign;
use crate::verdict::settings::Action;

/// The time between two readings.
const EVERY: Duration = Duration::from_secs(60);

/// Starts the task that lists them again and again.
pub(super) fn start(tasks: &mut JoinSet<()>, cluster: &Cluster, shared: &Shared, guard: &Arc<Guard>) {
    let (cluster, shared, guard) = (cluster.clone(), shared.clone(), Arc::clone(guard));
    tasks.spawn(async move {
        loop {
            let lists = read(&cluster, &guard).await.unwrap_or_else(|error| vec![not_read("", "", error.sentence)]);
            let is_changed = {
                let mut stores = shared.lock();
                let is_changed = stores.foreign != lists;
                stores.foreign = lists;
                is_changed
            };
            if is_changed {
                shared.wake();
            }
            tokio::select! {
                () = sleep(jittered(EVERY)) => {}
                () = shared.asked() => {}
            }
        }
    });
}

/// Lists the policies of other APIs that only an operator writes: of the resources of which the canon has policies in the version of
/// the canon and as a whole, of all others the metadata.
///
/// # Errors
/// The API server does not respond, or rejects the credentials. A list that fails for another reason is in the result.
pub async fn read(cluster: &Cluster, guard: &Guard) -> Result<Vec<ForeignList>, CallError> {
    let mut lists = Vec::new();
    let names = guard.canons.foreign_names();
    for resource in names.keys() {
        lists.extend(canonical(cluster, guard, resource).await?);
    }
    if guard.settings.foreign_policies == Action::Allow {
        return Ok(lists);
    }
    let is_listed = |group: &str, resource: &str| names.keys().any(|listed| listed.group == group && listed.resource == resource);
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in foreign::KINDS.iter().filter(|kind| !kind.plugin_written && !is_listed(kind.group, kind.resource)) {
        wanted.entry(kind.group).or_default().push(kind.resource);
    }
    for kind in guard.settings.foreign_kinds.iter().filter(|kind| !is_listed(&kind.group, &kind.resource)) {
        wanted.entry(&kind.group).or_default().push(&kind.resource);
    }
    let groups = match evaluated(cluster.document("/apis").await)? {
        Ok(groups) => groups.unwrap_or_default(),
        Err(reason) => {
            lists.push(not_read("", "", reason));
            return Ok(lists);
        }
    };
    for group in groups.get("groups").and_then(Value::as_array).into_iter().flatten() {
        let name = text(group, "/name").unwrap_or_default();
        let (Some(resources), Some(version)) = (wanted.get(name), text(group, "/preferredVersion/groupVersion")) else { continue };
        let api = format!("/apis/{version}");
        match evaluated(cluster.document(&api).await)? {
            Ok(None) => {}
            Ok(Some(served)) => lists.extend(of_group(cluster, guard, &api, name, resources, &served).await?),
            Err(reason) => lists.push(not_read(name, "", reason)),
        }
    }
    Ok(lists)
}

/// Lists the policies of a resource of which the canon has policies, in each guarded namespace.
async fn canonical(cluster: &Cluster, guard: &Guard, resource: &ForeignResource) -> Result<Vec<ForeignList>, CallError> {
    let api = format!("/apis/{}", resource.api_version());
    let is_served = match evaluated(cluster.document(&api).await)? {
        Ok(served) => {
            let served = served.unwrap_or_default();
            let mut resources = served.get("resources").and_then(Value::as_array).into_iter().flatten();
            let is_served = resources.any(|served| text(served, "/name") == Some(&resource.resource));
            is_served.then_some(()).ok_or_else(|| {
                format!(
                    "the API server does not serve {} in {}, of which the canon has policies",
                    resource.resource,
                    resource.api_version()
                )
            })
        }
        Err(reason) => Err(reason),
    };
    let mut lists = Vec::new();
    for namespace in guard.canons.namespaces() {
        let objects = match &is_served {
            Ok(()) => {
                let collection = Collection { api: &api, namespace: Some(namespace), resource: &resource.resource };
                // The items of a list may have no kind of their own.
                let whole = |mut object: Value| {
                    if let Some(fields) = object.as_object_mut() {
                        fields.insert("apiVersion".to_owned(), resource.api_version().into());
                        fields.insert("kind".to_owned(), resource.kind.clone().into());
                    }
                    Some(ForeignObject::read(&object, &resource.resource))
                };
                evaluated(cluster.list(&collection, Form::Whole, &Selectors::default(), whole).await)?.map(|(objects, _)| objects)
            }
            Err(reason) => Err(reason.clone()),
        };
        let (group, resource) = (resource.group.clone(), resource.resource.clone());
        lists.push(ForeignList { group, resource, namespace: namespace.to_owned(), objects });
    }
    Ok(lists)
}

/// Lists the objects of the wanted resources that a group has.
async fn of_group(
    cluster: &Cluster,
    guard: &Guard,
    api: &str,
    group: &str,
    wanted: &[&str],
    served: &Value,
) -> Result<Vec<ForeignList>, CallError> {
    let mut lists = Vec::new();
    for resource in served.get("resources").and_then(Value::as_array).into_iter().flatten() {
        let name = text(resource, "/name").unwrap_or_default();
        if !wanted.contains(&name) {
            continue;
        }
        let is_namespaced = resource.get("namespaced").and_then(Value::as_bool).unwrap_or_default();
        let namespaces: Vec<Option<&str>> = if is_namespaced { guard.canons.namespaces().map(Some).collect() } else { vec![None] };
        for namespace in namespaces {
            let collection = Collection { api, namespace, resource: name };
            let read = |object: Value| Some(ForeignObject::read(&object, name));
            let listed = cluster.list(&collection, Form::Metadata, &Selectors::default(), read).await;
            let objects = evaluated(listed)?.map(|(objects, _)| objects);
            let namespace = namespace.unwrap_or_default().to_owned();
            lists.push(ForeignList { group: group.to_owned(), resource: name.to_owned(), namespace, objects });
        }
    }
    Ok(lists)
}

fn not_read(group: &str, resource: &str, reason: String) -> ForeignList {
    ForeignList { group: group.to_owned(), resource: resource.to_owned(), namespace: String::new(), objects: Err(reason) }
}
