//! Whether every pause of repair was seen. The watches are independent of each other: a drift may be seen before the pause that was
//! set earlier, to protect it from repair.

use std::collections::BTreeSet;

use crate::cluster::{Cluster, Collection, Form};
use crate::drift::{Action, NamespaceObject, Plan};
use crate::verdict::Guard;

/// Returns whether the namespaces of the actions of a plan still are those that it is made of. If they cannot be read, they are not.
pub(super) async fn are_seen(cluster: &Cluster, guard: &Guard, plan: &Plan, seen: &[NamespaceObject]) -> bool {
    if guard.settings.break_glass_groups.is_empty() {
        return true;
    }
    let of = |action: &'_ Action| match action {
        Action::Create { namespace, .. } | Action::Patch { namespace, .. } => namespace.clone(),
    };
    let names: BTreeSet<String> = plan.actions.iter().map(of).collect();
    for name in names {
        let all = Collection { api: "/api/v1", namespace: None, resource: "namespaces" };
        let listed =
            cluster.list(&all, Form::Metadata, &format!("metadata.name={name}"), |object| Some(NamespaceObject::read(&object))).await;
        match listed {
            Ok((listed, _)) if listed.iter().eq(seen.iter().filter(|namespace| namespace.name == name)) => {}
            Ok(_) => return false,
            Err(error) => {
                tracing::warn!(namespace = name, %error, "cannot read whether repair is paused");
                return false;
            }
        }
    }
    true
}
