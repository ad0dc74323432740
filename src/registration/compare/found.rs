//! Compares both configurations of a registration.

use indexmap::IndexMap;
use serde_json::Value;

use super::coverage::items;
use super::cure::Cure;
use super::weakness::{Found, Kind, Weakness};
use super::webhook::{Difference, Extra, differences, named};
use crate::documents::values::text;
use crate::registration::endpoint::Endpoint;
use crate::registration::pod_condition::{Send, pod_condition};
use crate::registration::webhooks::Registration;

/// The resources of the two configurations.
const RESOURCES: [&str; 2] = ["mutatingwebhookconfiguration", "validatingwebhookconfiguration"];

/// Returns the weaknesses of a registration, those of the mutating configuration first. `expected` has the endpoint of the
/// servers ([`found_endpoint`]); with [`crate::registration::Send::Needed`], a registration that sends all pods is not weaker.
pub fn weaknesses(expected: &Registration<'_>, found: Found<'_>) -> Vec<Weakness> {
    let cure = Cure::new(expected, found);
    let manifests = expected.manifests();
    let pod_condition = (expected.send == Send::Needed).then(|| pod_condition(expected.canons, expected.settings).ok()).flatten();
    let mut all = Vec::new();
    for ((manifest, found), resource) in manifests.iter().zip(found).zip(RESOURCES) {
        let configuration = format!("the {} \"{}\"", text(manifest, "/kind").unwrap_or_default(), expected.name);
        if let Some(found) = found {
            all.extend(of_configuration(manifest, found, &configuration, resource, &cure, pod_condition.as_deref()));
        } else {
            let what = format!("{configuration} does not exist, so API servers do not call the servers for it");
            all.push(Weakness::new(Kind::Missing, &what, &cure.apply()));
        }
    }
    all
}

/// What a webhook lacks: the kind of the weakness, and the rest of a sentence.
type Lack = (Kind, String);

/// A webhook that lacks something.
struct Lacking {
    /// Its position in the found configuration, if it exists there.
    index: usize,
    name: String,
    extra: Option<Extra>,
}

fn of_configuration(
    manifest: &Value,
    found: &Value,
    configuration: &str,
    resource: &str,
    cure: &Cure,
    pod_condition: Option<&str>,
) -> Vec<Weakness> {
    let of = |webhook: &Value| text(webhook, "/name").unwrap_or_default().to_owned();
    // Often several webhooks lack the same.
    let mut all: IndexMap<Lack, Vec<Lacking>> = IndexMap::new();
    for webhook in items(manifest.get("webhooks")) {
        let name = of(webhook);
        let Some((index, other)) = items(found.get("webhooks")).enumerate().find(|(_, other)| of(other) == name) else {
            all.entry((Kind::Missing, "does not exist".to_owned())).or_default().push(Lacking { index: 0, name, extra: None });
            continue;
        };
        for Difference { kind, what, extra } in differences(webhook, other, pod_condition) {
            all.entry((kind, what)).or_default().push(Lacking { index, name: name.clone(), extra });
        }
    }
    let weakness = |((kind, what), webhooks): (Lack, Vec<Lacking>)| {
        let names: Vec<String> = webhooks.iter().map(|webhook| webhook.name.clone()).collect();
        let which = match names.as_slice() {
            [webhook] => format!("the webhook \"{webhook}\" of {configuration}"),
            several => format!("each of the webhooks {} of {configuration}", named(several)),
        };
        let extras: Vec<_> =
            webhooks.iter().filter_map(|webhook| Some((webhook.index, webhook.name.as_str(), webhook.extra.as_ref()?))).collect();
        let command = if extras.is_empty() { cure.apply() } else { cure.remove(resource, extras) };
        Weakness::new(kind, &format!("{which} {what}"), &command)
    };
    all.into_iter().map(weakness).collect()
}

/// Returns the endpoint of a registration whose host is one of the names of the servers' certificate. If there is none, returns the
/// endpoint that the first name stands for. Without names, every host is right.
pub fn found_endpoint(found: Found<'_>, names: &[String]) -> Endpoint {
    let configs = found.into_iter().flatten().flat_map(|configuration| items(configuration.get("webhooks")));
    let endpoints = configs.filter_map(|webhook| Endpoint::of_client_config(webhook.get("clientConfig")?));
    let mut ours = endpoints.filter(|endpoint| names.is_empty() || names.contains(&endpoint.host()));
    ours.next().unwrap_or_else(|| names.first().map_or_else(Endpoint::default_service, |name| Endpoint::at_host(name)))
}
