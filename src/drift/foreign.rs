//! Foreign policies, which can allow traffic that `NetworkPolicies` deny. Those of the canon are compared with it.

use super::canonical_foreign;
use super::draft::Draft;
use super::finding::{Finding, Object, Section, Severity};
use super::objects::{ForeignObject, PolicyObject};
use super::snapshot::ForeignList;
use crate::documents::text::quoted;
use crate::verdict::Guard;
use crate::verdict::settings::Action;

/// Plans a list. `policies` are the `NetworkPolicies` of its namespace, if they are known: they tell which canon is meant.
pub(super) fn plan(draft: &mut Draft, guard: &Guard, list: &ForeignList, policies: Option<&[PolicyObject]>) {
    let canonical = guard.canons.policies(&list.namespace).filter(|policies| policies.has_foreign(&list.group, &list.resource));
    let severity = match guard.settings.foreign_policies {
        Action::Allow => None,
        Action::Warn => Some(Severity::Warning),
        Action::Deny => Some(Severity::Error),
    };
    if canonical.is_none() && severity.is_none() && list.objects.is_ok() {
        return;
    }
    let objects = match &list.objects {
        Ok(objects) => objects,
        Err(reason) => return draft.skip(Section::ForeignPolicies, reason),
    };
    if let Some(policies_of_canons) = canonical {
        canonical_foreign::plan(draft, guard, list, policies_of_canons, objects, policies);
    }
    let Some(severity) = severity else { return };
    let is_canonical = |object: &ForeignObject| {
        canonical.is_some_and(|policies| policies.foreign(&list.group, &list.resource, &object.name).next().is_some())
    };
    let kind = format!("{}.{}", list.resource, list.group);
    for object in objects.iter().filter(|object| !is_canonical(object)) {
        let message = format!("{kind} \"{}\" can allow traffic that NetworkPolicies deny, and its content is not checked", object.name);
        let namespace = if object.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(&object.namespace)) };
        let command = format!("kubectl{namespace} delete {kind} {}", quoted(&object.name));
        let named = Object::new(&kind, &object.namespace, &object.name);
        draft.findings.push(Finding::new(Section::ForeignPolicies, severity, "foreign-policy", named, message).with_command(command));
    }
}
