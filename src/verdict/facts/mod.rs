//! The facts of a request that verdicts read, borrowed from its body. Whoever fills them in reads
//! nothing else of it.

mod labels;
mod text;

use serde::Deserialize;

use super::annotations::BREAK_GLASS;
use super::subject::{self, Subject};
use super::{Guard, Stage};
use crate::documents::node::Node;
pub use labels::{DuplicateKey, Labels};
pub use text::Text;

/// Who asks for what: a request without its objects.
#[derive(Debug, Default, PartialEq)]
pub struct Request<'a> {
    /// Its uid, which the answer repeats.
    pub uid: Text<'a>,
    /// The group of the object's kind; empty for the core group.
    pub kind_group: Text<'a>,
    /// The object's kind.
    pub kind: Text<'a>,
    /// The group of the resource; empty for the core group.
    pub group: Text<'a>,
    /// The resource: a plural in lower case.
    pub resource: Text<'a>,
    /// The subresource; empty for the main resource.
    pub subresource: Text<'a>,
    /// The object's name; empty where it has none yet, and in a deletecollection.
    pub name: Text<'a>,
    /// The namespace; empty for what is of cluster scope.
    pub namespace: Text<'a>,
    /// What is to be done.
    pub operation: Operation,
    /// The user who asks.
    pub user: Text<'a>,
    /// The user's groups.
    pub groups: Vec<Text<'a>>,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
}

impl Request<'_> {
    /// Answers whether the user is a member of a group.
    pub fn is_member(&self, group: &str) -> bool {
        self.groups.iter().any(|name| name == group)
    }
}

/// What a request does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Operation {
    /// Makes an object.
    Create,
    /// Changes one.
    Update,
    /// Deletes one.
    Delete,
    /// Opens a connection to one.
    Connect,
    /// None of these, or not said.
    #[default]
    Unknown,
}

impl Operation {
    /// Reads the word of the API.
    pub fn parse(word: &str) -> Operation {
        match word {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            "CONNECT" => Operation::Connect,
            _ => Operation::Unknown,
        }
    }

    /// The word of the API; `unknown` where it has none.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "CREATE",
            Operation::Update => "UPDATE",
            Operation::Delete => "DELETE",
            Operation::Connect => "CONNECT",
            Operation::Unknown => "unknown",
        }
    }
}

/// What verdicts read of an object's metadata. Parts that no verdict on its kind reads stay empty.
#[derive(Debug, Default, PartialEq)]
pub struct Metadata<'a> {
    /// Its name; empty where it has none yet.
    pub name: Text<'a>,
    /// What the API server makes a name from; empty where none is to be made.
    pub generate_name: Text<'a>,
    /// Its labels.
    pub labels: Labels<'a>,
    /// Of its annotations those that [`crate::verdict::annotations::known`] knows.
    pub annotations: Annotations<'a>,
    /// Whether it has a `deletionTimestamp`.
    pub terminating: bool,
    /// Its owners.
    pub owner_references: Vec<OwnerReference<'a>>,
    /// Its finalizers.
    pub finalizers: Vec<Text<'a>>,
}

/// Annotations under keys that verdicts know.
#[derive(Debug, Default, PartialEq)]
pub struct Annotations<'a>(Vec<(&'static str, Text<'a>)>);

impl<'a> Annotations<'a> {
    /// Adds one.
    ///
    /// # Errors
    /// The key stands there already.
    pub fn insert(&mut self, key: &'static str, value: Text<'a>) -> Result<(), DuplicateKey> {
        if self.get(key).is_some() {
            return Err(DuplicateKey);
        }
        self.0.push((key, value));
        Ok(())
    }

    /// Answers the value under a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| &**value)
    }

    /// Why the glass is to be broken, where someone says that it is.
    pub fn break_glass(&self) -> Option<&str> {
        self.get(BREAK_GLASS)
    }
}

/// One owner, as far as it says which object that is.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// The owner's API version.
    #[serde(borrow)]
    pub api_version: Text<'a>,
    /// Its kind.
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its uid.
    #[serde(borrow)]
    pub uid: Text<'a>,
}

/// A pod, or a template of pods.
#[derive(Debug, Default, PartialEq)]
pub struct Pod<'a> {
    /// Its name, labels, annotations and `deletionTimestamp`.
    pub metadata: Metadata<'a>,
    /// Whether it lives in its node's network.
    pub host_network: bool,
}

/// What makes pods from a template.
#[derive(Debug, PartialEq)]
pub struct Workload<'a> {
    /// Its name.
    pub metadata: Metadata<'a>,
    /// Which pods it takes for its own: a label selector, or a map of labels where the kind has that.
    pub selector: Node<'a>,
    /// The pods that it makes.
    pub template: Pod<'a>,
}

/// A `NetworkPolicy`.
#[derive(Debug, PartialEq)]
pub struct NetworkPolicy<'a> {
    /// Its name, annotations, owners and finalizers.
    pub metadata: Metadata<'a>,
    /// Its spec.
    pub spec: Node<'a>,
}

/// The object of a request as it is to become and as it was.
#[derive(Debug, PartialEq)]
pub struct Change<T> {
    /// As it is to become.
    pub object: Option<T>,
    /// As it was.
    pub old: Option<T>,
}

impl<T> Default for Change<T> {
    fn default() -> Self {
        Change { object: None, old: None }
    }
}

/// A change whose objects are there.
#[derive(Debug, PartialEq)]
pub enum Step<'f, T> {
    /// An object is made.
    Create(&'f T),
    /// An object is changed.
    Update {
        /// As it was.
        old: &'f T,
        /// As it is to become.
        new: &'f T,
    },
    /// An object is deleted; a review may leave out what it was.
    Delete(Option<&'f T>),
    /// Neither: nothing is to be judged.
    Other,
}

impl<T> Change<T> {
    fn either(&self) -> Option<&T> {
        self.object.as_ref().or(self.old.as_ref())
    }

    /// Answers what happens to the object.
    ///
    /// # Errors
    /// What is missing, as a field of the request.
    pub fn step(&self, operation: Operation) -> Result<Step<'_, T>, &'static str> {
        let object = self.object.as_ref().ok_or("object");
        match operation {
            Operation::Create => Ok(Step::Create(object?)),
            Operation::Update => Ok(Step::Update { old: self.old.as_ref().ok_or("oldObject")?, new: object? }),
            Operation::Delete => Ok(Step::Delete(self.old.as_ref())),
            Operation::Connect => Ok(Step::Other),
            Operation::Unknown => Err("operation"),
        }
    }
}

/// The facts that a verdict on one request reads.
#[derive(Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "there is one a request, on the stack")]
pub enum Facts<'a> {
    /// None: it is admitted untouched.
    Nothing,
    /// It cannot be told which: the request lacks this field.
    Unknown(&'static str),
    /// A pod.
    Pod(Change<Pod<'a>>),
    /// The metadata of a binding.
    Binding(Change<Metadata<'a>>),
    /// What makes pods, and where it keeps their template.
    Workload(subject::Workload, Change<Workload<'a>>),
    /// A `NetworkPolicy`.
    NetworkPolicy(Change<NetworkPolicy<'a>>),
    /// A policy of another API, whole.
    ForeignPolicy(Change<Node<'a>>),
    /// The metadata of a namespace.
    Namespace(Change<Metadata<'a>>),
}

/// What is to be read of a request's objects.
#[derive(Debug, PartialEq)]
pub struct Wanted<'a> {
    /// The facts, still empty.
    pub facts: Facts<'a>,
    /// The resource in metrics.
    pub label: &'static str,
    /// Whether the request is about a namespace that is not guarded.
    pub unguarded: bool,
}

impl Default for Wanted<'_> {
    /// Of a request of which nothing is known.
    fn default() -> Self {
        Wanted { facts: Facts::Nothing, label: "other", unguarded: false }
    }
}

impl Facts<'_> {
    /// The name of the object, or what one is to be made from, as far as its metadata were read.
    pub fn name(&self) -> &str {
        let metadata = match self {
            Facts::Nothing | Facts::Unknown(_) | Facts::ForeignPolicy(_) => None,
            Facts::Pod(change) => change.either().map(|pod| &pod.metadata),
            Facts::Workload(_, change) => change.either().map(|workload| &workload.metadata),
            Facts::NetworkPolicy(change) => change.either().map(|policy| &policy.metadata),
            Facts::Binding(change) | Facts::Namespace(change) => change.either(),
        };
        metadata.map_or("", |metadata| if metadata.name.is_empty() { &metadata.generate_name } else { &metadata.name })
    }
}

impl<'a> Facts<'a> {
    /// Answers which facts of a request are to be read: by its resource first, then by its
    /// namespace. `/mutate` reads pods only.
    pub fn wanted(guard: &Guard, stage: Stage, request: &Request<'_>) -> Wanted<'a> {
        let (subject, label) = Subject::of(&request.group, &request.resource, &request.subresource);
        let namespaced = match subject {
            Subject::Other | Subject::Namespace => false,
            Subject::ForeignPolicy(kind) => kind.namespaced,
            Subject::Pod | Subject::PodStatus | Subject::Binding | Subject::Workload(_) | Subject::NetworkPolicy => true,
        };
        let unguarded = namespaced && !request.namespace.is_empty() && guard.canon.policies(&request.namespace).is_none();
        let facts = match () {
            () if request.resource.is_empty() => Facts::Unknown("resource"),
            () if unguarded || !is_judged(stage, subject, request.operation) => Facts::Nothing,
            () if namespaced && request.namespace.is_empty() => Facts::Unknown("namespace"),
            () => Facts::empty(subject),
        };
        Wanted { facts, label, unguarded }
    }

    fn empty(subject: Subject) -> Facts<'a> {
        match subject {
            Subject::Other => Facts::Nothing,
            Subject::Pod | Subject::PodStatus => Facts::Pod(Change::default()),
            Subject::Binding => Facts::Binding(Change::default()),
            Subject::Workload(kind) => Facts::Workload(kind, Change::default()),
            Subject::NetworkPolicy => Facts::NetworkPolicy(Change::default()),
            Subject::ForeignPolicy(_) => Facts::ForeignPolicy(Change::default()),
            Subject::Namespace => Facts::Namespace(Change::default()),
        }
    }
}

/// Answers whether a judge has a say on what is done to a subject. What is done is judged, too,
/// where it is not said, or by a word that is not known.
fn is_judged(stage: Stage, subject: Subject, operation: Operation) -> bool {
    match (stage, operation) {
        (_, Operation::Connect) | (Stage::Mutate, Operation::Delete) => false,
        (Stage::Mutate, _) => subject == Subject::Pod,
        (Stage::Validate, Operation::Delete) => subject == Subject::NetworkPolicy,
        (Stage::Validate, _) => true,
    }
}
