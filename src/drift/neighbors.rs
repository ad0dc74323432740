//! The namespaces that canonical peers select.

use std::collections::BTreeSet;

use super::draft::Draft;
use super::finding::{Finding, Object, Section, Severity};
use super::objects::NamespaceObject;
use crate::canon::NeighborSelector;
use crate::documents::text::quoted;
use crate::policy::selector::NAMESPACE_NAME_KEY;
use crate::verdict::Guard;
use crate::verdict::settings::Action;

const KIND: &str = "Namespace";

pub(super) fn plan(draft: &mut Draft, guard: &Guard, namespaces: &[NamespaceObject]) {
    let names: BTreeSet<&str> = namespaces.iter().map(|namespace| namespace.name.as_str()).collect();
    for neighbor in guard.canons.neighbors() {
        let is_selected = |namespace: &&NamespaceObject| neighbor.selector.matches(|key| namespace.label(key));
        let policies = neighbor.policies.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let named = Named::of(neighbor, &names);
        if !namespaces.iter().any(|namespace| is_selected(&namespace)) {
            draft.findings.push(nothing_selected(neighbor, &policies, named.as_ref()));
        }
        let Some(named) = named.filter(|_| guard.settings.neighbors != Action::Allow) else { continue };
        for namespace in namespaces.iter().filter(is_selected).filter(|namespace| !named.namespaces.contains(namespace.name.as_str())) {
            let message = format!(
                "namespace \"{}\" is a neighbor namespace: its labels match {}, by which canonical policies ({policies}) mean {}",
                namespace.name,
                neighbor.selects,
                named.namespaces.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" or ")
            );
            let command = format!("kubectl label namespace {} {}", quoted(&namespace.name), quoted(&format!("{}-", named.key)));
            let object = Object::new(KIND, "", &namespace.name);
            let finding = Finding::new(Section::Neighbors, Severity::Warning, "neighbor-unexpected", object, message);
            draft.findings.push(finding.with_command(command));
        }
    }
}

/// A selector that means namespaces by their names: `name=kube-system`, where there is a namespace `kube-system`.
struct Named<'n> {
    key: &'n str,
    /// The namespaces that exist and are meant.
    namespaces: BTreeSet<&'n str>,
}

impl<'n> Named<'n> {
    fn of(neighbor: &'n NeighborSelector, names: &BTreeSet<&'n str>) -> Option<Named<'n>> {
        let mut keys = neighbor.selector.keys().filter(|key| *key != NAMESPACE_NAME_KEY);
        let (key, None) = (keys.next()?, keys.next()) else { return None };
        let meant = neighbor.selector.required_values(key)?;
        let namespaces: BTreeSet<&str> = meant.filter(|value| names.contains(value)).collect();
        (!namespaces.is_empty()).then_some(Named { key, namespaces })
    }
}

/// Returns the finding for a selector that selects no namespace. A warning, if a namespace that it means exists: then the
/// namespace lacks the label.
fn nothing_selected(neighbor: &NeighborSelector, policies: &str, named: Option<&Named<'_>>) -> Finding {
    let selects = &neighbor.selects;
    let message =
        format!("no namespace of the cluster has labels that match {selects}: the peers of {policies} with this selector do not exist");
    let Some((named, name)) = named.and_then(|named| Some((named, named.namespaces.first()?))) else {
        let object = Object::new(KIND, "", selects);
        return Finding::new(Section::Neighbors, Severity::Note, "peer-without-namespace", object, message);
    };
    let object = Object::new(KIND, "", name);
    let command = format!("kubectl label namespace {} {}={}", quoted(name), quoted(named.key), quoted(name));
    Finding::new(Section::Neighbors, Severity::Warning, "peer-without-namespace", object, message).with_command(command)
}
