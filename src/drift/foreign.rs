//! Foreign policies, which can allow traffic that `NetworkPolicies` deny.

use super::draft::Draft;
use super::finding::{Finding, Object, Section, Severity};
use super::snapshot::ForeignList;
use crate::documents::text::quoted;
use crate::verdict::Guard;
use crate::verdict::settings::Action;

pub(super) fn plan(draft: &mut Draft, guard: &Guard, list: &ForeignList) {
    let severity = match guard.settings.foreign_policies {
        Action::Allow => return,
        Action::Warn => Severity::Warning,
        Action::Deny => Severity::Error,
    };
    let objects = match &list.objects {
        Ok(objects) => objects,
        Err(reason) => return draft.skip(Section::ForeignPolicies, reason),
    };
    let kind = format!("{}.{}", list.resource, list.group);
    for object in objects {
        let message = format!("{kind} \"{}\" can allow traffic that NetworkPolicies deny, and its content is not checked", object.name);
        let namespace = if object.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(&object.namespace)) };
        let command = format!("kubectl{namespace} delete {kind} {}", quoted(&object.name));
        let named = Object::new(&kind, &object.namespace, &object.name);
        draft.findings.push(Finding::new(Section::ForeignPolicies, severity, "foreign-policy", named, message).with_command(command));
    }
}
