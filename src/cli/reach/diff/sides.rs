//! Both sides of a comparison, with the same endpoints.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::super::services::Service;
use super::super::source::{SourceArgs, World};
use crate::analysis::{Endpoint, NamedPolicy, addresses, identities};
use crate::canon::{BUILT_IN, Canons};
use crate::cli::exit::Failure;
use crate::cli::input;
use crate::cli::manifests::{self, Manifest};
use crate::cli::output::Streams;

/// The argument that means the cluster.
const LIVE: &str = "live";

/// The API group of grants, which only a canon has.
const OWN_GROUP: &str = "netpol.abcdesktop.io";

/// Both sides of a comparison. Their endpoints are the same, or absent.
pub(super) struct Sides {
    pub(super) names: [String; 2],
    pub(super) worlds: [World; 2],
}

/// One side as it was read.
struct Side {
    world: World,
    canons: Option<Canons>,
}

impl Side {
    fn has_objects(&self) -> bool {
        self.world.endpoints.iter().any(|endpoint| endpoint.object.is_some())
    }
}

impl Sides {
    /// Reads both sides: each the name of a canon, a file or folder, or `live`.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub(super) fn read(source: &SourceArgs, names: [&str; 2], streams: &mut Streams) -> Result<Sides, Failure> {
        if !names.contains(&LIVE) {
            source.without_cluster()?;
        }
        let common = manifests::read_manifests(input::read(&source.files, streams)?, &[])?;
        let [first, second] = names;
        let (mut first, mut second) = (side(source, first, &common, streams)?, side(source, second, &common, streams)?);
        give_endpoints(source, &mut first, &mut second)?;
        Ok(Sides { names: names.map(str::to_owned), worlds: [first.world, second.world] })
    }

    /// Returns the endpoints and policies of both sides as one, in which arguments are looked up.
    pub(super) fn together(&self) -> World {
        let [before, after] = &self.worlds;
        let mut all = before.clone();
        all.policies.extend(after.policies.iter().cloned());
        let known: BTreeSet<&str> = before.endpoints.iter().map(|endpoint| endpoint.id.as_str()).collect();
        all.endpoints.extend(after.endpoints.iter().filter(|endpoint| !known.contains(endpoint.id.as_str())).cloned());
        let known: BTreeSet<String> = before.services.iter().map(Service::id).collect();
        all.services.extend(after.services.iter().filter(|service| !known.contains(&service.id())).cloned());
        for (name, namespace) in &after.namespaces {
            all.namespaces.entry(name.clone()).or_insert_with(|| namespace.clone());
        }
        all
    }
}

fn side(source: &SourceArgs, name: &str, common: &[Manifest], streams: &mut Streams) -> Result<Side, Failure> {
    if name == LIVE {
        return Ok(Side { world: source.cluster(streams)?, canons: None });
    }
    let canon =
        |name: &str| Canons::load_with_kinds(&[name.to_owned()], source.given_kinds(), &[source.own().to_owned()]).map_err(Failure::input);
    if BUILT_IN.contains(&name) {
        let canons = canon(name)?;
        return Ok(Side { world: source.of_canon(&canons), canons: Some(canons) });
    }
    let files = files(name)?;
    let mut found = manifests::read_manifests(input::read(&files, streams)?, &[])?;
    if found.iter().any(|manifest| manifest.group == OWN_GROUP) {
        let canons = canon(name)?;
        return Ok(Side { world: source.of_canon(&canons), canons: Some(canons) });
    }
    found.extend_from_slice(common);
    Ok(Side { world: source.of_manifests(&found, files.len(), streams)?, canons: None })
}

/// Returns the file that a path names, or the manifests in the folder that it names.
fn files(path: &str) -> Result<Vec<String>, Failure> {
    if path != input::STDIN && !Path::new(path).exists() {
        let canons = BUILT_IN.join(", ");
        return Err(Failure::input(anyhow!("there is no file or folder {path}, and it is neither a built-in canon ({canons}) nor live")));
    }
    if !Path::new(path).is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {path}")).map_err(Failure::input)?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(Failure::input)?.path();
        let is_manifest = path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known));
        if is_manifest && path.is_file() {
            files.push(path.display().to_string());
        }
    }
    files.sort();
    if files.is_empty() {
        Err(Failure::input(anyhow!("cannot read {path}: the folder has no *.yaml, *.yml or *.json file")))
    } else {
        Ok(files)
    }
}

/// Gives both sides the endpoints that either tells apart. A side without pods has those of the other, and if neither has any, both
/// have the identities of the canon.
fn give_endpoints(source: &SourceArgs, first: &mut Side, second: &mut Side) -> Result<(), Failure> {
    match (first.has_objects(), second.has_objects()) {
        (true, true) => {}
        (true, false) => take(&first.world, second),
        (false, true) => take(&second.world, first),
        (false, false) => {
            let policies = both(first, second);
            let given = source.canons()?;
            for side in [&mut *first, &mut *second] {
                let canons = side.canons.as_ref().unwrap_or(&given);
                side.world.endpoints = identities::told_apart(canons, source.own(), &policies);
            }
            lend(&first.world, &mut second.world);
            lend(&second.world, &mut first.world);
        }
    }
    let parts = addresses(&both(first, second));
    for side in [first, second] {
        side.world.endpoints.retain(|endpoint| endpoint.kind != "Addresses");
        side.world.endpoints.extend(parts.iter().cloned());
        side.world.settle();
    }
    Ok(())
}

/// Gives a side the endpoints of the other that are no identities: pods that no grant names exist on both.
fn lend(from: &World, to: &mut World) {
    let is_missing = |endpoint: &&Endpoint| endpoint.kind != "Identity" && to.endpoints.iter().all(|known| known.id != endpoint.id);
    let missing: Vec<Endpoint> = from.endpoints.iter().filter(is_missing).cloned().collect();
    to.endpoints.extend(missing);
}

fn both(first: &Side, second: &Side) -> Vec<NamedPolicy> {
    first.world.policies.iter().chain(&second.world.policies).cloned().collect()
}

/// Gives a side without pods those of another, and, if it is a canon, the policies of the other namespaces.
fn take(from: &World, to: &mut Side) {
    to.world.endpoints.clone_from(&from.endpoints);
    to.world.services.clone_from(&from.services);
    to.world.shown.clone_from(&from.shown);
    to.world.namespaces.extend(from.namespaces.clone());
    if to.canons.is_some() {
        let own = to.world.namespace.name.clone();
        to.world.policies.extend(from.policies.iter().filter(|named| *named.policy.home != *own).cloned());
        to.world.is_canon = false;
    }
}
