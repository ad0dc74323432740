//! The webhook configurations: whether the API server sends everything that the servers judge.

use serde_json::Value;

use super::draft::Draft;
use super::finding::{Finding, Object, Section, Severity};
use super::snapshot::Webhooks;
use crate::documents::text::quoted;
use crate::documents::values::text;
use crate::registration::{Kind, Registration, Send, found_endpoint, weaknesses};
use crate::verdict::Guard;

/// What separates a weakness from the command that mends it.
const TO_MEND: &str = "; to mend it: ";
/// What separates the command for an installation by Helm from the other one.
const OR: &str = " (with Helm), or ";
/// The start of the command that renders a registration.
const RENDER: &str = "netpol render registration";
/// The resources of the two configurations.
const RESOURCES: [&str; 2] = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

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
            Some((with_helm, without)) => {
                finding(format!("{message}. If Helm installed it: {with_helm}")).with_command(with_bundle(without, webhooks))
            }
            None => finding(message.to_owned()).with_command(with_bundle(command, webhooks)),
        });
    }
}

/// Adds the `caBundle` that the configurations have to the command that renders them: applied without it, they would lose it.
fn with_bundle(command: &str, webhooks: &Webhooks) -> String {
    let Some(flags) = command.strip_prefix(RENDER) else { return command.to_owned() };
    let index = |found: &Option<Value>| {
        let listed = found.as_ref()?.get("webhooks")?.as_array()?;
        listed.iter().position(|webhook| text(webhook, "/clientConfig/caBundle").is_some_and(|bundle| !bundle.is_empty()))
    };
    let mut found = [&webhooks.mutating, &webhooks.validating].into_iter().zip(RESOURCES);
    let Some((index, resource)) = found.find_map(|(found, resource)| Some((index(found)?, resource))) else {
        return command.to_owned();
    };
    let name = quoted(&webhooks.name);
    format!("kubectl get {resource} {name} -o jsonpath='{{.webhooks[{index}].clientConfig.caBundle}}' | base64 -d | {RENDER} --ca -{flags}")
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
