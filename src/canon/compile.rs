//! Checks the documents of a canon against each other and compiles them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::compiled::Canon;
use super::documents::Documents;
use super::error::CanonError;
use super::foreign::ForeignDocument;
use super::grants::PlacedGrant;
use super::keys::CAPABILITY_PREFIX;
use super::objects::Objects;
use super::policies::Policies;
use crate::documents::problem::{Place, Problems};
use crate::documents::reading;
use crate::policy::{Home, Selector};

impl Canon {
    /// Reads and compiles a canon. `source` is the name of a built-in canon, or the path of a file or folder.
    /// To read a path that is also the name of a built-in canon, write `./NAME`.
    ///
    /// # Errors
    /// Every problem of the canon, with its file, document and field.
    pub fn load(source: &str, namespaces: &[String]) -> Result<Canon, CanonError> {
        Canon::from_documents(&Documents::read(source)?, namespaces)
    }

    /// Compiles documents for the guarded namespaces.
    ///
    /// # Errors
    /// Every problem of the documents, with its file, document and field.
    pub fn from_documents(documents: &Documents, namespaces: &[String]) -> Result<Canon, CanonError> {
        compile(documents, namespaces)
    }
}

fn compile(documents: &Documents, namespaces: &[String]) -> Result<Canon, CanonError> {
    let mut problems = Problems::default();
    let objects = read(documents, &mut problems);
    let written_for = written_for(&objects, &mut problems);
    check_names(&objects, &mut problems);

    // Faults are the same in every namespace, so they are reported for the first one only.
    let (first, others) = match namespaces.split_first() {
        Some((first, others)) => (first.as_str(), others),
        None => (written_for.unwrap_or("default"), &[][..]),
    };
    let home = |namespace| Home { namespace, written_for };
    let policies = Policies::compile(&objects.policies, &objects.foreign, home(first), &mut problems);
    check_labels(&objects.grants, &policies, &mut problems);
    if !problems.is_empty() {
        return Err(CanonError::new(documents.source(), problems));
    }

    let mut by_namespace = BTreeMap::new();
    for namespace in others {
        by_namespace.insert(namespace.clone(), Policies::compile(&objects.policies, &objects.foreign, home(namespace), &mut problems));
    }
    if !problems.is_empty() {
        return Err(CanonError::new(documents.source(), problems));
    }
    if !namespaces.is_empty() {
        by_namespace.insert(first.to_owned(), policies);
    }
    let grants = objects.grants.into_iter().map(|document| document.grant).collect();
    Ok(Canon {
        source: documents.source().to_owned(),
        hash: documents.hash().to_owned(),
        grants,
        protected_labels: objects.protected_labels,
        namespaces: by_namespace,
    })
}

fn read(documents: &Documents, problems: &mut Problems) -> Objects {
    let mut objects = Objects::default();
    for file in documents.files() {
        reading::read_file(file, problems, |document, problems| objects.add(file, &document, documents.given(), problems));
    }
    if objects.policies.is_empty() && problems.is_empty() {
        problems.add(&Place::default(), "", "the canon has no NetworkPolicy, so it would not protect anything");
    }
    objects
}

/// Returns the namespace in the policies' metadata, if any. Reports policies with different namespaces.
fn written_for<'s>(objects: &'s Objects, problems: &mut Problems) -> Option<&'s str> {
    let policies = objects.policies.iter().map(|policy| (&policy.place, &policy.metadata));
    let all = policies.chain(objects.foreign.iter().map(|policy| (&policy.place, &policy.metadata)));
    let mut with_namespace = all.filter_map(|(place, metadata)| Some((place, metadata.namespace.as_deref()?)));
    let (first, namespace) = with_namespace.next()?;
    if let Some((other, _)) = with_namespace.find(|(_, other)| *other != namespace) {
        let message = format!("differs from \"{namespace}\" in {first}; all policies of a canon must have the same namespace, or none");
        problems.add(other, "metadata.namespace", message);
    }
    Some(namespace)
}

/// Reports duplicate names.
fn check_names(objects: &Objects, problems: &mut Problems) {
    let policies = objects.policies.iter().map(|policy| (policy.metadata.name.as_str(), &policy.place, "metadata.name"));
    let sets = objects.grant_sets.iter().map(|(place, name)| (name.as_str(), place, "metadata.name"));
    let fields: Vec<String> = objects.grants.iter().map(|grant| format!("{}.name", grant.field)).collect();
    let grants = objects.grants.iter().zip(&fields).map(|(grant, field)| (grant.grant.name.as_str(), &grant.place, field.as_str()));
    check_unique("NetworkPolicy", policies, problems);
    check_foreign(&objects.foreign, problems);
    check_unique("Grants", sets, problems);
    check_unique("grant", grants, problems);
}

/// Reports duplicate names of policies of other APIs, and kinds that have several versions.
fn check_foreign(documents: &[ForeignDocument], problems: &mut Problems) {
    let mut kinds: BTreeMap<(&str, &str), Vec<&ForeignDocument>> = BTreeMap::new();
    for document in documents {
        kinds.entry((&document.resource.group, &document.resource.resource)).or_default().push(document);
    }
    for documents in kinds.values() {
        let Some((first, others)) = documents.split_first() else { continue };
        for other in others.iter().filter(|other| other.resource != first.resource) {
            let message = format!(
                "differs from \"{}\" in {}; all policies of a kind must have the same version",
                first.resource.api_version(),
                first.place
            );
            problems.add(&other.place, "apiVersion", message);
        }
        let named = documents.iter().map(|document| (document.metadata.name.as_str(), &document.place, "metadata.name"));
        check_unique(&first.resource.kind, named, problems);
    }
}

fn check_unique<'s>(kind: &str, named: impl Iterator<Item = (&'s str, &'s Place, &'s str)>, problems: &mut Problems) {
    let mut seen: BTreeMap<&str, &Place> = BTreeMap::new();
    for (name, place, field) in named.filter(|(name, ..)| !name.is_empty()) {
        match seen.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(place);
            }
            Entry::Occupied(first) => {
                problems.add(place, field, format!("duplicate name \"{name}\"; another {kind} has the same name ({})", first.get()));
            }
        }
    }
}

/// Reports granted labels with different values for one key, and those that no policy reads.
fn check_labels(grants: &[PlacedGrant], policies: &Policies, problems: &mut Problems) {
    let mut readers: BTreeMap<&str, Vec<&Selector>> = BTreeMap::new();
    for selector in policies.by_name.values().flat_map(|canonical| canonical.policy.pod_selectors()) {
        for key in selector.keys().filter(|key| key.starts_with(CAPABILITY_PREFIX)) {
            readers.entry(key).or_default().push(selector);
        }
    }
    let mut given: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for PlacedGrant { place, field, grant } in grants {
        for (key, value) in &grant.labels {
            let field = format!("{field}.labels[\"{key}\"]");
            let (first, earlier) = *given.entry(key).or_insert((&grant.name, value));
            if earlier != value {
                problems.add(
                    place,
                    &field,
                    format!("grant \"{first}\" gives this label the value \"{earlier}\"; use the same value in both grants"),
                );
            }
            match readers.get(key.as_str()) {
                None => problems.add(place, &field, "no policy reads this label; correct the key or remove the label"),
                Some(readers) if !readers.iter().any(|selector| selector.accepts(key, Some(value))) => {
                    problems.add(place, &field, "no policy selects this value of the label; correct the value or remove the label");
                }
                Some(_) => {}
            }
        }
    }
}
