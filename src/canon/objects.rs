//! Documents as objects: what kinds a canon holds, and what their fields may be.

use serde_json::Value;

use super::API_GROUP;
use super::grants::{self, StatedGrant};
use super::metadata::Metadata;
use crate::documents::File;
use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::node::Node;
use crate::documents::problem::{Place, Problems};
use crate::documents::yaml::Document;

/// A NetworkPolicy as it is stated.
#[derive(Debug)]
pub(super) struct StatedPolicy {
    pub(super) place: Place,
    pub(super) metadata: Metadata,
    pub(super) spec: Value,
}

/// Everything that the documents state, in their order.
#[derive(Debug, Default)]
pub(super) struct Stated {
    pub(super) policies: Vec<StatedPolicy>,
    pub(super) grants: Vec<StatedGrant>,
    /// The objects of kind Grants: where they stand, and their names.
    pub(super) sets: Vec<(Place, String)>,
}

/// The kinds that a document may be.
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

impl Stated {
    /// Takes in a document.
    pub(super) fn add(&mut self, file: &File, document: &Document, problems: &mut Problems) {
        let place = Place { file: Some(file.name.clone()), document: Some(document.number), ..Place::default() };
        self.add_object(place, &document.value, false, problems);
    }

    fn add_object(&mut self, mut place: Place, object: &Value, listed: bool, problems: &mut Problems) {
        let node = Node::from(object);
        let Node::Object(_) = node else {
            let found = node.type_name();
            problems.add(&place, "", format!("must be a map with apiVersion, kind and metadata, not {found}"));
            return;
        };
        let mut faults = Faults::default();
        let kind = read_kind(&node, listed, &mut faults);
        place.object = title(&node);
        match kind {
            Some(Kind::NetworkPolicy) => self.policies.extend(read_policy(&place, &node, object, &mut faults)),
            Some(Kind::Grants) => {
                let (name, grants) = grants::read_set(&place, &node, &mut faults);
                self.sets.extend(name.map(|name| (place.clone(), name)));
                self.grants.extend(grants);
            }
            Some(Kind::List) => {
                faults.map(&node, &ROOT, &["apiVersion", "kind", "metadata", "items"]);
                faults.list(&node, "items", &ROOT);
                let items = object.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                for (index, item) in items.iter().enumerate() {
                    let place = Place { within: format!("items[{index}]"), ..place.clone() };
                    self.add_object(place, item, true, problems);
                }
            }
            None => {}
        }
        if let Err(faults) = faults.or(()) {
            problems.add_faults(&place, &faults);
        }
    }
}

const ROOT: Path<'static> = Path::Root("");

fn read_kind(node: &Node<'_>, listed: bool, faults: &mut Faults) -> Option<Kind> {
    let field = ROOT;
    let stated = |faults: &mut Faults, key| {
        let text = faults.string(node, key, &field);
        if node.get(key).is_none() {
            faults.add(&field.key(key), FaultKind::Invalid, "is missing");
        }
        text
    };
    let api_version = stated(faults, "apiVersion")?;
    let name = stated(faults, "kind")?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name && !(listed && *kind == Kind::List));
    match kind {
        None => faults.add(&field.key("kind"), FaultKind::Invalid, "must be NetworkPolicy or Grants: a canon holds nothing else"),
        Some(kind) if kind.api_version() != api_version => {
            let message = format!("must be {} for a {name}", kind.api_version());
            faults.add(&field.key("apiVersion"), FaultKind::Invalid, message);
            return None;
        }
        Some(_) => {}
    }
    kind
}

/// Kind and name of an object, as far as they are known.
fn title(node: &Node<'_>) -> Option<String> {
    let kind = node.get("kind").and_then(Node::as_str);
    let kind = Kind::ALL.into_iter().find(|known| Some(known.name()) == kind);
    let name = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_str);
    match (kind, name) {
        (Some(Kind::List), _) | (None, None) => None,
        (Some(kind), Some(name)) => Some(format!("{} \"{}\"", kind.name(), shown(name))),
        (Some(kind), None) => Some(kind.name().to_owned()),
        (None, Some(name)) => Some(format!("\"{}\"", shown(name))),
    }
}

/// A name as a title shows it: a document may hold anything there.
fn shown(name: &str) -> String {
    name.chars().take(63).flat_map(char::escape_debug).collect()
}

fn read_policy(place: &Place, node: &Node<'_>, object: &Value, faults: &mut Faults) -> Option<StatedPolicy> {
    // Clusters of 1.24 to 1.27 print a status (rule 41); it never says anything.
    faults.map(node, &ROOT, &["apiVersion", "kind", "metadata", "spec", "status"]);
    let metadata = Metadata::read(node, object, faults);
    if node.get("spec").is_none() {
        faults.add(&Path::Root("spec"), FaultKind::Invalid, "is missing");
        return None;
    }
    let spec = object.get("spec")?.clone();
    Some(StatedPolicy { place: place.clone(), metadata: metadata?, spec })
}
