//! The endpoints that an argument names.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::anyhow;

use super::members::{self, is_kind};
use super::nearest::nearest;
use super::resolve;
use super::source::World;
use crate::analysis::identities;
use crate::analysis::{Addresses, End, Endpoint, Namespace, Pods, divided};
use crate::cli::exit::Failure;
use crate::cli::manifests::display::printable;
use crate::documents::names::{label_key_fault, label_value_fault};
use crate::policy::selector::NAMESPACE_NAME_KEY;

/// The argument that means every address.
const WORLD: &str = "world";

/// Returns the endpoints that an argument names: one, or each part of addresses that policies tell apart.
///
/// # Errors
/// Returns an error with the nearest names if there is no such endpoint, and with the candidates if there are several.
pub(crate) fn endpoints(text: &str, world: &World) -> Result<Vec<Endpoint>, Failure> {
    if let Some(exact) = world.endpoints.iter().find(|endpoint| endpoint.id == text) {
        return Ok(vec![exact.clone()]);
    }
    if text == WORLD {
        return Ok(Addresses::world().iter().flat_map(|whole| parts(world, whole)).collect());
    }
    if text.contains('=') || text.starts_with("*@") {
        return labeled(text, world)
            .map(|endpoint| vec![endpoint])
            .map_err(|fault| Failure::input(anyhow!("{}: {fault}", printable(text))));
    }
    let is_address = text.split('/').next().is_some_and(|address| address.parse::<IpAddr>().is_ok());
    if is_address || text.starts_with(|first: char| first.is_ascii_digit() || first == ':') || text.contains("::") {
        match Addresses::parse(text) {
            Ok(addresses) => return Ok(parts(world, &addresses)),
            // A name may begin with a digit.
            Err(faults) if text.contains(['.', ':']) && !is_named(text, world) => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                return Err(Failure::input(anyhow!("{}", faults.join("; "))));
            }
            Err(_) => {}
        }
    }
    if let Some(service) = resolve::find(text, world)? {
        return Ok(resolve::pods(service, world)?.into_iter().cloned().collect());
    }
    let found: Vec<&Endpoint> = world.endpoints.iter().filter(|endpoint| is_name_of(text, endpoint)).collect();
    match preferred(found, world).as_slice() {
        [one] => Ok(vec![(*one).clone()]),
        [] => match members::of(text, world)? {
            Some(pods) => Ok(pods.into_iter().cloned().collect()),
            None => Err(Failure::input(anyhow!("there is no endpoint {}{}", printable(text), nearest_to(text, world)))),
        },
        several => {
            let ids: Vec<String> = several.iter().map(|endpoint| printable(&endpoint.id)).collect();
            Err(Failure::input(anyhow!("{} can be any of several endpoints; write one of: {}", printable(text), ids.join(", "))))
        }
    }
}

/// Returns the endpoint in the namespaces that are shown whole, if there is one, and otherwise all.
fn preferred<'w>(found: Vec<&'w Endpoint>, world: &World) -> Vec<&'w Endpoint> {
    let near: Vec<&Endpoint> = found.iter().copied().filter(|endpoint| !world.is_elsewhere(endpoint)).collect();
    if near.len() == 1 { near } else { found }
}

fn is_named(text: &str, world: &World) -> bool {
    world.endpoints.iter().any(|endpoint| is_name_of(text, endpoint))
}

/// Returns an endpoint for each part of addresses that policies tell apart.
fn parts(world: &World, addresses: &Addresses) -> Vec<Endpoint> {
    divided(&world.policies, addresses).into_iter().map(Addresses::endpoint).collect()
}

/// Returns whether a text is NAME, KIND/NAME or NAMESPACE/KIND/NAME of an object, or the name of an identity with several variants.
fn is_name_of(text: &str, endpoint: &Endpoint) -> bool {
    let Some((namespace, name)) = &endpoint.object else {
        return endpoint.id.strip_prefix(text).is_some_and(|rest| rest.starts_with('['));
    };
    match text.split('/').collect::<Vec<_>>().as_slice() {
        [of] => of == name,
        [of_kind, of] => is_kind(of_kind, &endpoint.kind) && of == name,
        [of_namespace, of_kind, of] => of_namespace == namespace && is_kind(of_kind, &endpoint.kind) && of == name,
        _ => false,
    }
}

/// Returns the ids that are most like a text.
fn nearest_to(text: &str, world: &World) -> String {
    let name = |endpoint: &Endpoint| endpoint.object.as_ref().map_or_else(|| endpoint.id.clone(), |(_, name)| name.clone());
    let names: Vec<(String, String)> = world.endpoints.iter().map(|endpoint| (endpoint.id.clone(), name(endpoint))).collect();
    let known: Vec<(&str, &str)> = names.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    nearest(text, &known, "endpoints")
}

/// Returns the pods that a text describes by labels: `run=web,tier=x@team=y`. Without `@`, they are in the namespace of the world.
fn labeled(text: &str, world: &World) -> Result<Endpoint, String> {
    let (of_pod, of_namespace) = text.split_once('@').map_or((text, None), |(pod, namespace)| (pod, Some(namespace)));
    let labels = parse_labels(of_pod)?;
    let namespace = match of_namespace.map(parse_labels).transpose()? {
        None => world.namespace.clone(),
        Some(labels) => match labels.get(NAMESPACE_NAME_KEY) {
            Some(name) => {
                let known = world.namespaces.get(name).map(|known| (*known.labels).clone()).unwrap_or_default();
                Namespace::new(name, known.into_iter().chain(labels.clone()).collect())
            }
            None => Namespace::new(&unused(world), labels),
        },
    };
    let id = match of_namespace.map(parse_labels).transpose()? {
        None => identities::text(&labels),
        Some(of_namespace) => format!("{}@{}", identities::text(&labels), identities::text(&of_namespace)),
    };
    let pods = Pods { blocks: world.blocks, ..Pods::labeled(namespace, labels) };
    // The policies of a canon are those of one namespace.
    let outside = world.is_canon && pods.namespace.name != world.namespace.name;
    Ok(Endpoint { id, kind: "Labels".to_owned(), object: None, end: End::Pods(pods), outside })
}

/// Returns the name of a namespace that neither the endpoints nor the policies know.
fn unused(world: &World) -> String {
    let selectors = || world.policies.iter().flat_map(|named| named.policy.namespace_selectors());
    // A selector by name that has no list of names accepts all but some names.
    let is_listed =
        |name: &str| selectors().filter_map(|selector| selector.listed_values(NAMESPACE_NAME_KEY)).flatten().any(|listed| listed == name);
    let names = std::iter::once("other".to_owned()).chain((2..).map(|number: u32| format!("other-{number}")));
    names.into_iter().find(|name| !world.namespaces.contains_key(name) && !is_listed(name)).unwrap_or_default()
}

fn parse_labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    if text == "*" {
        return Ok(BTreeMap::new());
    }
    let mut labels = BTreeMap::new();
    for pair in text.split(',') {
        let (key, value) = pair.split_once('=').ok_or_else(|| "write labels as KEY=VALUE, separated by commas".to_owned())?;
        if let Some(fault) = label_key_fault(key) {
            return Err(format!("the label key {} {fault}", printable(key)));
        }
        if let Some(fault) = label_value_fault(value) {
            return Err(format!("the value of the label {} {fault}", printable(key)));
        }
        if labels.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("the label {} is given twice", printable(key)));
        }
    }
    Ok(labels)
}
