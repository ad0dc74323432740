//! The objects in the documents of a canon: their kinds and fields.

use std::collections::BTreeSet;

use serde_json::Value;

use super::foreign::{Content, ForeignDocument, ForeignResource, MAX_VALUES};
use super::foreign_kinds::{Foreign, GivenKind};
use super::grants::{self, GrantSet, PlacedGrant};
use super::keys::API_GROUP;
use super::metadata::Metadata;
use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::node::Node;
use crate::documents::problem::{Place, Problems};
use crate::documents::text::escaped;
use crate::documents::{Document, File};

/// A NetworkPolicy and its place in the documents.
#[derive(Debug)]
pub(super) struct PolicyDocument {
    pub(super) place: Place,
    pub(super) metadata: Metadata,
    pub(super) spec: Value,
}

/// The objects in the documents, in their order.
#[derive(Debug, Default)]
pub(super) struct Objects {
    pub(super) policies: Vec<PolicyDocument>,
    pub(super) foreign: Vec<ForeignDocument>,
    pub(super) grants: Vec<PlacedGrant>,
    /// The places and names of the objects of kind Grants.
    pub(super) grant_sets: Vec<(Place, String)>,
    pub(super) protected_labels: BTreeSet<String>,
}

/// The kinds of objects that a canon may have, besides policies of other APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    NetworkPolicy,
    Grants,
    List,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::NetworkPolicy, Kind::Grants, Kind::List];

    fn name(self) -> &'static str {
        match self {
            Kind::NetworkPolicy => "NetworkPolicy",
            Kind::Grants => "Grants",
            Kind::List => "List",
        }
    }

    fn api_version(self) -> String {
        match self {
            Kind::NetworkPolicy => "networking.k8s.io/v1".to_owned(),
            Kind::Grants => format!("{API_GROUP}/v1alpha1"),
            Kind::List => "v1".to_owned(),
        }
    }
}

impl Objects {
    /// Adds the objects of a document. `given` are the kinds of policies of other APIs that a flag adds.
    pub(super) fn add(&mut self, file: &File, document: &Document, given: &[GivenKind], problems: &mut Problems) {
        self.add_object(Place::of_document(file, document.number), &document.value, Reading { given, listed: false }, problems);
    }

    fn add_object(&mut self, mut place: Place, object: &Value, reading: Reading<'_>, problems: &mut Problems) {
        let node = Node::from(object);
        let Node::Object(_) = node else {
            let found = node.type_name();
            problems.add(&place, "", format!("must be a map with apiVersion, kind and metadata, not {found}"));
            return;
        };
        let mut faults = Faults::default();
        let kind = read_kind(&node, reading, &mut faults);
        place.object = title(&node, reading.given);
        match kind {
            Some(Read::Foreign(resource)) => self.foreign.extend(read_foreign(&place, &node, object, resource, &mut faults)),
            Some(Read::Own(Kind::NetworkPolicy)) => self.policies.extend(read_policy(&place, &node, object, &mut faults)),
            Some(Read::Own(Kind::Grants)) => {
                let GrantSet { name, grants, protected_labels } = grants::read_set(&place, &node, &mut faults);
                self.grant_sets.extend(name.map(|name| (place.clone(), name)));
                self.grants.extend(grants);
                self.protected_labels.extend(protected_labels);
            }
            Some(Read::Own(Kind::List)) => {
                faults.map(&node, &ROOT, &["apiVersion", "kind", "metadata", "items"]);
                faults.list(&node, "items", &ROOT);
                let items = object.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                for (index, item) in items.iter().enumerate() {
                    let place = Place { within: format!("items[{index}]"), ..place.clone() };
                    self.add_object(place, item, Reading { listed: true, ..reading }, problems);
                }
            }
            None => {}
        }
        if let Err(faults) = faults.into_result(()) {
            problems.add_faults(&place, &faults);
        }
    }
}

/// The maximum length of a name in a message, in characters.
const MAX_NAME: usize = 63;

const ROOT: Path<'static> = Path::Root("");

/// How objects are read.
#[derive(Clone, Copy)]
struct Reading<'g> {
    /// The kinds of policies of other APIs that a flag adds.
    given: &'g [GivenKind],
    /// Whether the objects are items of a list.
    listed: bool,
}

/// The kind of an object.
enum Read {
    Own(Kind),
    Foreign(ForeignResource),
}

fn read_kind(node: &Node<'_>, reading: Reading<'_>, faults: &mut Faults) -> Option<Read> {
    let field = ROOT;
    let read = |faults: &mut Faults, key| {
        let text = faults.string(node, key, &field);
        if node.get(key).is_none() {
            faults.add(&field.key(key), FaultKind::Invalid, "is missing");
        }
        text
    };
    let api_version = read(faults, "apiVersion")?;
    let name = read(faults, "kind")?;
    if let Some((group, version)) = api_version.split_once('/')
        && let Some(found) = Foreign::of(group, name, reading.given)
    {
        let found = foreign_resource(found, group, version, name);
        return found.map(Read::Foreign).map_err(|message| faults.add(&field.key("kind"), FaultKind::Invalid, message)).ok();
    }
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name && !(reading.listed && *kind == Kind::List));
    match kind {
        None => faults.add(
            &field.key("kind"),
            FaultKind::Invalid,
            "must be NetworkPolicy, Grants, or a kind of policies of another API; --foreign-kind adds such a kind",
        ),
        Some(kind) if kind.api_version() != api_version => {
            let message = format!("must be {} for kind {name}", kind.api_version());
            faults.add(&field.key("apiVersion"), FaultKind::Invalid, message);
            return None;
        }
        Some(_) => {}
    }
    kind.map(Read::Own)
}

/// Returns the resource of a policy of another API, or why it cannot be canonical.
fn foreign_resource(found: Foreign<'_>, group: &str, version: &str, kind: &str) -> Result<ForeignResource, String> {
    if let Foreign::Known(known) = found {
        if !known.namespaced {
            return Err(format!(
                "{kind} is of cluster scope, and a canon is about namespaces; --foreign-policies deny refuses such policies"
            ));
        }
        if known.plugin_written {
            return Err(format!("{kind} is written by the network plugin itself, so a canon cannot fix it"));
        }
    }
    let (group, version, kind) = (group.to_owned(), version.to_owned(), kind.to_owned());
    Ok(ForeignResource { group, resource: found.resource().to_owned(), version, kind })
}

/// Returns the kind and name of an object for messages, as far as they are known.
fn title(node: &Node<'_>, given: &[GivenKind]) -> Option<String> {
    let kind = node.get("kind").and_then(Node::as_str);
    let group = node.get("apiVersion").and_then(Node::as_str).and_then(|version| version.split_once('/')).map(|(group, _)| group);
    let foreign = kind.filter(|kind| group.is_some_and(|group| Foreign::of(group, kind, given).is_some()));
    let kind = Kind::ALL.into_iter().find(|known| Some(known.name()) == kind);
    let name = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_str);
    if let (Some(kind), Some(name)) = (foreign, name) {
        return Some(format!("{} \"{}\"", escaped(kind, MAX_NAME), escaped(name, MAX_NAME)));
    }
    match (kind, name) {
        (Some(Kind::List), _) | (None, None) => None,
        (Some(kind), Some(name)) => Some(format!("{} \"{}\"", kind.name(), escaped(name, MAX_NAME))),
        (Some(kind), None) => Some(kind.name().to_owned()),
        (None, Some(name)) => Some(format!("\"{}\"", escaped(name, MAX_NAME))),
    }
}

fn read_policy(place: &Place, node: &Node<'_>, object: &Value, faults: &mut Faults) -> Option<PolicyDocument> {
    // Kubernetes 1.24 to 1.27 has a status, which is always empty (`semantics.md` rule 41).
    faults.map(node, &ROOT, &["apiVersion", "kind", "metadata", "spec", "status"]);
    let metadata = Metadata::parse(node, object, faults);
    if node.get("spec").is_none() {
        faults.add(&Path::Root("spec"), FaultKind::Invalid, "is missing");
        return None;
    }
    let spec = object.get("spec")?.clone();
    Some(PolicyDocument { place: place.clone(), metadata: metadata?, spec })
}

fn read_foreign(place: &Place, node: &Node<'_>, object: &Value, resource: ForeignResource, faults: &mut Faults) -> Option<ForeignDocument> {
    let metadata = Metadata::parse(node, object, faults);
    let content = Content::new(object, &resource.resource);
    let message = match content.values() {
        _ if content.is_empty() => Some("has nothing but metadata, so there is nothing to compare".to_owned()),
        values if values > MAX_VALUES => Some(format!("has {values} values; at most {MAX_VALUES} can be compared. Split the policy")),
        _ => None,
    };
    if let Some(message) = message {
        faults.add(&ROOT, FaultKind::Invalid, message);
        return None;
    }
    Some(ForeignDocument { place: place.clone(), metadata: metadata?, resource, content })
}
