//! The lists of CAs in the annotations of the Lease.
//!
//! The election writes the Lease every few seconds and keeps annotations. Each write here is guarded by the resource version
//! that was read, and is repeated after a conflict.

use serde_json::{Value, json};

use super::election;
use crate::certificates::introduced::Introduced;
use crate::cluster::{CallCause, CallError, Cluster};
use crate::documents::values::{map, set};

/// The annotation that lists the introduced CAs.
const INTRODUCED: &str = "netpol.abcdesktop.io/introduced-cas";
/// The annotation that accepts the CA of a restored Secret.
pub(super) const ACCEPT: &str = "netpol.abcdesktop.io/accept-ca";
/// How often a write is tried. The election may write at the same time.
const TRIES: usize = 5;

/// The namespace and the name of the Lease.
pub(super) type Name<'n> = (&'n str, &'n str);

/// Reads the lists. A Lease that does not exist has none.
pub(super) async fn read(cluster: &Cluster, (namespace, name): Name<'_>) -> Result<Introduced, CallError> {
    Ok(cluster.get(&election::object(namespace, name)).await?.as_ref().map(parse).unwrap_or_default())
}

/// Changes the lists of the Lease.
pub(super) async fn write(
    cluster: &Cluster,
    (namespace, name): Name<'_>,
    change: impl Fn(&Introduced) -> Introduced,
) -> Result<(), CallError> {
    let object = election::object(namespace, name);
    let mut tries = 0;
    loop {
        tries += 1;
        let missing = || CallError { cause: CallCause::Missing, sentence: format!("{object} does not exist") };
        let lease = cluster.get(&object).await?.ok_or_else(missing)?;
        let before = parse(&lease);
        let after = change(&before);
        if after == before {
            return Ok(());
        }
        match cluster.replace(&object, &with_lists(lease, &after)).await {
            Err(error) if error.cause == CallCause::Conflict && tries < TRIES => {}
            other => return other.map(drop),
        }
    }
}

fn parse(lease: &Value) -> Introduced {
    let annotations = map(lease, "/metadata/annotations");
    let value = |name: &str| annotations.get(name).and_then(Value::as_str);
    Introduced::read(value(INTRODUCED), value(ACCEPT))
}

fn with_lists(mut lease: Value, lists: &Introduced) -> Value {
    let joined = |list: &std::collections::BTreeSet<String>| list.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let mut annotations = map(&lease, "/metadata/annotations");
    if let Some(recorded) = &lists.recorded {
        annotations.insert(INTRODUCED.to_owned(), json!(joined(recorded)));
    }
    if lists.accepted.is_empty() {
        annotations.remove(ACCEPT);
    } else {
        annotations.insert(ACCEPT.to_owned(), json!(joined(&lists.accepted)));
    }
    set(&mut lease, &["metadata", "annotations"], Value::Object(annotations));
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_back_and_other_annotations_are_kept() {
        let lease = json!({"metadata": {"annotations": {"example.org/kept": "yes", ACCEPT: "AB:CD"}}});
        let mut lists = parse(&lease);
        assert_eq!((&lists.recorded, lists.accepted.len()), (&None, 1));
        lists.recorded = Some(["12".to_owned(), "34".to_owned()].into());
        assert_eq!(parse(&with_lists(lease.clone(), &lists)), lists);
        lists.accepted.clear();
        let written = with_lists(lease, &lists);
        assert_eq!(written["metadata"]["annotations"], json!({"example.org/kept": "yes", INTRODUCED: "12,34"}));
    }
}
