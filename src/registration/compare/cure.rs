//! The commands that mend a registration.

use serde_json::{Value, json};

use super::coverage::items;
use super::weakness::Found;
use super::webhook::Extra;
use crate::canon::DEFAULT;
use crate::documents::text::quoted;
use crate::documents::values::{map, text};
use crate::registration::endpoint::{DEFAULT_NAME, DEFAULT_NAMESPACE, Endpoint};
use crate::registration::pod_condition::Send;
use crate::registration::webhooks::Registration;
use crate::verdict::Settings;
use crate::verdict::settings::{Action, UngrantedLabels};

/// The command that renders a registration.
const RENDER: &str = "netpol render registration";
/// The command that applies what is rendered.
const APPLY: &str = "kubectl apply -f -";
/// The resources of the two configurations.
const RESOURCES: [&str; 2] = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

/// The commands for one registration.
pub(super) struct Cure {
    name: String,
    apply: String,
}

impl Cure {
    pub(super) fn new(expected: &Registration<'_>, found: Found<'_>) -> Cure {
        let rendered = match bundle(expected.name, found) {
            Some(reads) => format!("{reads} | {RENDER} --ca -{} | {APPLY}", flags(&Registration { authorities: None, ..*expected })),
            None => format!("{RENDER}{} | {APPLY}", flags(expected)),
        };
        let installed = |namespace: &str, release: &str| {
            let (namespace, release) = (quoted(namespace), quoted(release));
            format!("helm -n {namespace} get manifest {release} | kubectl apply --server-side --force-conflicts --field-manager=helm -f -")
        };
        let apply = match (release(found), expected.endpoint) {
            (Some((namespace, release)), _) => installed(namespace, release),
            // Without a configuration, it is not known whether Helm installed it.
            (None, Endpoint::Service { namespace, .. }) if found == [None, None] => {
                format!("{} (with Helm), or {rendered}", installed(namespace, expected.name))
            }
            _ => rendered,
        };
        Cure { name: expected.name.to_owned(), apply }
    }

    /// Returns the command that writes the expected fields.
    pub(super) fn apply(&self) -> String {
        self.apply.clone()
    }

    /// Returns the command that removes fields of webhooks, which applying a manifest keeps. Each webhook has its index and its name.
    pub(super) fn remove<'e>(&self, resource: &str, extras: impl IntoIterator<Item = (usize, &'e str, &'e Extra)>) -> String {
        let mut patch = Vec::new();
        for (index, webhook, Extra { path, name }) in extras {
            let path = format!("/webhooks/{index}/{path}");
            patch.push(json!({"op": "test", "path": format!("/webhooks/{index}/name"), "value": webhook}));
            if let Some(name) = name {
                patch.push(json!({"op": "test", "path": format!("{path}/name"), "value": name}));
            }
            patch.push(json!({"op": "remove", "path": path}));
        }
        let patch = quoted(&Value::from(patch).to_string());
        format!("kubectl patch {resource} {} --type=json -p {patch}", quoted(&self.name))
    }
}

/// Returns the command that prints the `caBundle` of a configuration, or `None` if no webhook has one. A client-side apply removes the
/// bundle if an earlier one wrote it and the manifest does not have it; a server-side one too, since it takes over what a client-side
/// one wrote.
fn bundle(name: &str, found: Found<'_>) -> Option<String> {
    let index = |found: Option<&Value>| {
        let has_bundle = |webhook: &Value| text(webhook, "/clientConfig/caBundle").is_some_and(|bundle| !bundle.is_empty());
        items(found?.get("webhooks")).position(has_bundle)
    };
    let (index, resource) = found.into_iter().zip(RESOURCES).find_map(|(found, resource)| Some((index(found)?, resource)))?;
    let name = quoted(name);
    Some(format!("kubectl get {resource} {name} -o jsonpath='{{.webhooks[{index}].clientConfig.caBundle}}' | base64 -d"))
}

/// Returns the namespace and the name of the release of Helm that a configuration belongs to.
fn release(found: Found<'_>) -> Option<(&str, &str)> {
    let annotation = |object: &'_ Value, name: &str| map(object, "/metadata/annotations").get(name).is_some();
    let owned = found.into_iter().flatten().find(|object| annotation(object, "meta.helm.sh/release-name"))?;
    let value = |name: &str| text(owned, &format!("/metadata/annotations/meta.helm.sh~1{name}"));
    Some((value("release-namespace")?, value("release-name")?))
}

/// Returns the flags of `netpol render registration` that are not the defaults.
fn flags(registration: &Registration<'_>) -> String {
    let Registration { canons, settings, send, name, endpoint, authorities } = *registration;
    let defaults = Settings::default();
    let mut words = Vec::new();
    let mut flag = |flag: &str, value: &str| words.push(format!(" --{flag} {}", quoted(value)));
    if name != DEFAULT_NAME {
        flag("name", name);
    }
    match endpoint {
        Endpoint::Url(url) => flag("url", url),
        Endpoint::Service { namespace, name, port }
            if (namespace.as_str(), name.as_str(), *port) != (DEFAULT_NAMESPACE, DEFAULT_NAME, 443) =>
        {
            flag("service", &format!("{namespace}/{name}:{port}"));
        }
        Endpoint::Service { .. } => {}
    }
    if settings.namespaces != defaults.namespaces {
        flag("namespace", &settings.namespaces.join(","));
    }
    if canons.source != DEFAULT.join(",") {
        flag("canon", &canons.source);
    }
    if settings.ungranted_labels == UngrantedLabels::Strip {
        flag("ungranted-labels", "strip");
    }
    for (name, value, default) in [
        ("foreign-policies", settings.foreign_policies, defaults.foreign_policies),
        ("neighbors", settings.neighbors, defaults.neighbors),
        ("network-annotations", settings.network_annotations, defaults.network_annotations),
        ("claims", settings.claims, defaults.claims),
    ] {
        if value != default {
            flag(name, word(value));
        }
    }
    let kinds: Vec<String> = settings.foreign_kinds.iter().map(ToString::to_string).collect();
    let controllers = |settings: &Settings| settings.workload_controllers.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (stated_controllers, default_controllers) = (controllers(settings), controllers(&defaults));
    for (name, values, defaults) in [
        ("foreign-kind", &kinds, &Vec::new()),
        ("plugin-writer", &settings.plugin_writers, &defaults.plugin_writers),
        ("network-annotation", &settings.network_annotation_keys, &defaults.network_annotation_keys),
        ("namespace-controller", &settings.namespace_controllers, &defaults.namespace_controllers),
        ("workload-controller", &stated_controllers, &default_controllers),
    ] {
        if values != defaults {
            for value in values {
                flag(name, value);
            }
        }
    }
    if send == Send::All {
        flag("send", "all");
    }
    if authorities.is_some() {
        flag("ca", "ca.crt");
    }
    words.concat()
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Warn => "warn",
        Action::Deny => "deny",
        Action::Allow => "allow",
    }
}
