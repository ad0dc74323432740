//! The webhook configurations: whether the API server sends everything that the servers judge.

use super::draft::Draft;
use super::finding::{Finding, Object, Section, Severity};
use super::snapshot::Webhooks;
use crate::registration::{Kind, Registration, Send, found_endpoint, weaknesses};
use crate::verdict::Guard;

/// What separates a weakness from the command that mends it.
const TO_MEND: &str = "; to mend it: ";
/// What separates the command for an installation by Helm from the other one.
const OR: &str = " (with Helm), or ";

pub(super) fn plan(draft: &mut Draft, guard: &Guard, webhooks: &Webhooks) {
    let found = [webhooks.mutating.as_ref(), webhooks.validating.as_ref()];
    let endpoint = found_endpoint(found, &webhooks.servers);
    let expected = Registration {
        canons: &guard.canons,
        settings: &guard.settings,
        send: Send::Needed,
        name: &webhooks.name,
        endpoint: &endpoint,
        // The bundle is verified with the certificate.
        authorities: None,
    };
    for weakness in weaknesses(&expected, found) {
        let (severity, id) = described(weakness.kind);
        let object = Object::new("WebhookConfiguration", "", &webhooks.name);
        let (message, command) = weakness.sentence.split_once(TO_MEND).unwrap_or((&weakness.sentence, ""));
        let finding = |message: String| Finding::new(Section::Registration, severity, id, object.clone(), message);
        draft.findings.push(match command.split_once(OR) {
            _ if command.is_empty() => finding(message.to_owned()),
            Some((with_helm, without)) => finding(format!("{message}. If Helm installed it: {with_helm}")).with_command(without.to_owned()),
            None => finding(message.to_owned()).with_command(command.to_owned()),
        });
    }
}

fn described(kind: Kind) -> (Severity, &'static str) {
    match kind {
        Kind::Missing => (Severity::Error, "registration-missing"),
        Kind::Uncovered => (Severity::Error, "registration-uncovered"),
        Kind::Weakened => (Severity::Error, "registration-weakened"),
        Kind::Ignore => (Severity::Error, "registration-ignore"),
        Kind::Disagrees => (Severity::Error, "registration-disagrees"),
        Kind::Timeout => (Severity::Warning, "registration-timeout"),
        Kind::Reinvocation => (Severity::Warning, "registration-reinvocation"),
        Kind::Endpoint => (Severity::Error, "registration-endpoint"),
    }
}
