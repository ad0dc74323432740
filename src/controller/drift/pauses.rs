//! Whether every pause of repair was seen. The watches are independent of each other: a drift may be seen before the pause that was
//! set earlier, to protect it from repair.

use std::collections::BTreeSet;

use crate::cluster::{Cluster, Collection, Form, Selectors};
use crate::drift::{NamespaceObject, Plan};
use crate::verdict::Guard;

/// Returns whether the namespaces of the actions of a plan have the pauses that the plan saw. If they cannot be read, they have not.
pub(super) async fn are_seen(cluster: &Cluster, guard: &Guard, plan: &Plan, seen: &[NamespaceObject]) -> bool {
    if guard.settings.break_glass_groups.is_empty() {
        return true;
    }
    let names: BTreeSet<&str> = plan.actions.iter().map(|action| action.object().1).collect();
    for name in names {
        let all = Collection { api: "/api/v1", namespace: None, resource: "namespaces" };
        let named = Selectors::fields(&format!("metadata.name={name}"));
        let listed = cluster.list(&all, Form::Metadata, &named, |object| Some(NamespaceObject::read(&object))).await;
        match listed {
            Ok((listed, _)) => {
                let is_same = |seen: &NamespaceObject| listed.iter().any(|namespace| namespace.has_same_pause(seen));
                if !seen.iter().any(|seen| seen.name == name && is_same(seen)) {
                    return false;
                }
            }
            Err(error) => {
                tracing::warn!(namespace = name, %error, "cannot read whether repair is paused");
                return false;
            }
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::{Value, json};

    use super::*;
    use crate::canon::Canons;
    use crate::cluster::fake::api_server;
    use crate::drift::{Action, Target};
    use crate::verdict::Settings;

    fn namespace(annotations: &Value) -> Value {
        json!({"metadata": {"name": "desk", "uid": "u", "annotations": annotations}})
    }

    /// Returns whether the pause of a plan with a repair is seen, and how many calls that took.
    fn seen(groups: &[&str], status: &'static str, body: &Value) -> (bool, usize) {
        let settings = Settings { break_glass_groups: groups.iter().map(|group| (*group).to_owned()).collect(), ..Settings::default() };
        let guard = Guard::new(Arc::new(Canons::load(&["abcdesktop".to_owned()], &settings.namespaces).unwrap()), Arc::new(settings));
        let action =
            Action::Create { target: Target::NetworkPolicy, namespace: "desk".to_owned(), name: "a".to_owned(), manifest: json!({}) };
        let plan = Plan { actions: vec![action], ..Plan::default() };
        let planned = [NamespaceObject::read(&namespace(&json!({}))), NamespaceObject::read(&json!({"metadata": {"name": "other"}}))];
        let (count, body) = (Arc::new(AtomicUsize::new(0)), body.to_string());
        let counted = Arc::clone(&count);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let is_seen = runtime.block_on(async {
            let cluster = api_server(move |request| {
                assert!(request.contains("fieldSelector=metadata.name%3Ddesk"));
                counted.fetch_add(1, Ordering::Relaxed);
                (status, body.clone())
            });
            are_seen(&cluster, &guard, &plan, &planned).await
        });
        (is_seen, count.load(Ordering::Relaxed))
    }

    #[test]
    fn a_pause_that_the_plan_did_not_see_stops_its_repairs() {
        let list = |items: &[Value]| json!({"metadata": {"resourceVersion": "5"}, "items": items});
        let paused = json!({"netpol.abcdesktop.io/repair-paused-until": "2026-11-28T17:00:00Z"});
        assert_eq!(seen(&["oncall"], "200 OK", &list(&[namespace(&json!({}))])), (true, 1));
        assert_eq!(seen(&["oncall"], "200 OK", &list(&[namespace(&json!({"note": "x"}))])), (true, 1));
        let relabeled = json!({"metadata": {"name": "desk", "labels": {"a": "b"}}});
        assert_eq!(seen(&["oncall"], "200 OK", &list(&[relabeled])), (true, 1), "labels must not hold up repair");
        assert_eq!(seen(&["oncall"], "200 OK", &list(&[namespace(&paused)])), (false, 1));
        assert_eq!(seen(&["oncall"], "200 OK", &list(&[])), (false, 1));
        assert!(!seen(&["oncall"], "403 Forbidden", &json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden"})).0);
        // Without a group, no pause counts, and nothing is read.
        assert_eq!(seen(&[], "200 OK", &list(&[namespace(&paused)])), (true, 0));
    }
}
