//! The limits of a grant: who may claim its identity, as which account its pods run, and which images they have.

use std::collections::BTreeSet;
use std::fmt;

use crate::documents::fault::{FaultKind, Faults, Path};
use crate::documents::names::{dns_label_fault, dns_subdomain_fault};
use crate::documents::node::Node;

/// The fields of a grant that this file reads.
pub(super) const FIELDS: [&str; 3] = ["claims", "serviceAccountName", "images"];

/// The start of the user name of a service account, before `NAMESPACE:NAME`.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The maximum length of an image pattern, in bytes. A valid reference has at most 4,096.
const MAX_PATTERN: usize = 4096;

/// The limits of a grant. The default is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Who may claim the identity; `None` if everybody may.
    pub claims: Option<Claims>,
    /// The service account of the pods; `None` if it may be any.
    pub service_account: Option<String>,
    /// The patterns of which each image of the pods matches one; empty if there may be any image.
    pub images: Vec<ImagePattern>,
}

/// The requesters who may claim an identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claims {
    /// User names.
    pub users: BTreeSet<String>,
    /// Groups.
    pub groups: BTreeSet<String>,
    /// Service accounts.
    pub service_accounts: BTreeSet<Account>,
}

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// Its namespace; `None` is the namespace of the pod.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// A pattern of image references, in which `*` matches any characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImagePattern(String);

impl Limits {
    /// Returns whether they say what the pods run: their service account or their images.
    pub fn limit_programs(&self) -> bool {
        self.service_account.is_some() || !self.images.is_empty()
    }
}

impl Claims {
    /// Returns whether a requester is listed. `namespace` is that of the pod.
    pub fn lists<'g>(&self, user: &str, mut groups: impl Iterator<Item = &'g str>, namespace: &str) -> bool {
        self.users.contains(user)
            || self.service_accounts.iter().any(|account| account.is_user(user, namespace))
            || groups.any(|group| self.groups.contains(group))
    }

    /// Returns all who are listed, in words: `service account pyos`, `user alice`, `group ops`.
    pub fn claimants(&self) -> impl Iterator<Item = String> {
        let accounts = self.service_accounts.iter().map(|account| format!("service account {account}"));
        let users = self.users.iter().map(|name| format!("user {name}"));
        let groups = self.groups.iter().map(|name| format!("group {name}"));
        accounts.chain(users).chain(groups)
    }

    /// Returns whether a service account of the pod's namespace is listed.
    pub fn lists_account(&self, name: &str, namespace: &str) -> bool {
        let is_here = |account: &Account| account.namespace.as_deref().is_none_or(|stated| stated == namespace);
        self.service_accounts.iter().any(|account| account.name == name && is_here(account))
    }
}

impl Account {
    /// Returns whether a user name is that of this account. `namespace` is that of the pod.
    fn is_user(&self, user: &str, namespace: &str) -> bool {
        let named = user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
        named == Some((self.namespace.as_deref().unwrap_or(namespace), &self.name))
    }

    /// Returns the parts of its user name around the namespace of the pod; one part if its namespace is stated.
    pub fn user_name(&self) -> (String, Option<String>) {
        match &self.namespace {
            Some(namespace) => (format!("{SERVICE_ACCOUNT}{namespace}:{}", self.name), None),
            None => (SERVICE_ACCOUNT.to_owned(), Some(format!(":{}", self.name))),
        }
    }
}

impl ImagePattern {
    /// Returns the pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a whole image reference matches. It takes linear time.
    pub fn matches(&self, image: &str) -> bool {
        let Some((start, rest)) = self.0.split_once('*') else { return image == self.0 };
        let Some(mut image) = image.strip_prefix(start) else { return false };
        let mut parts = rest.split('*');
        let end = parts.next_back().unwrap_or_default();
        for part in parts {
            let Some((_, after)) = image.split_once(part) else { return false };
            image = after;
        }
        image.ends_with(end)
    }
}

impl fmt::Display for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.claimants().collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(formatter, "{namespace}/{}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Reads the limits of a grant.
pub(super) fn read<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Limits {
    Limits {
        claims: read_claims(grant, field, faults),
        service_account: read_account(grant, field, faults),
        images: read_images(grant, field, faults),
    }
}

fn read_claims<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<Claims> {
    let field = field.key("claims");
    let claims = faults.map(grant.get("claims")?, &field, &["users", "groups", "serviceAccounts"])?;
    let mut found = Claims::default();
    each(claims, "users", &field, faults, |text, at, faults| {
        if let Some(account) = text.strip_prefix(SERVICE_ACCOUNT) {
            let account = account.replacen(':', "/", 1);
            faults.add(at, FaultKind::Invalid, format!("is a service account; write {account} in serviceAccounts"));
        } else if is_name(text, at, faults) {
            found.users.insert(text.to_owned());
        }
    });
    each(claims, "groups", &field, faults, |text, at, faults| {
        if is_name(text, at, faults) {
            found.groups.insert(text.to_owned());
        }
    });
    each(claims, "serviceAccounts", &field, faults, |text, at, faults| {
        let (namespace, name) = text.split_once('/').map_or((None, text), |(namespace, name)| (Some(namespace), name));
        if namespace.is_some_and(|namespace| dns_label_fault(namespace).is_some()) || dns_subdomain_fault(name).is_some() {
            faults.add(at, FaultKind::Invalid, "must be NAME (in the namespace of the pod) or NAMESPACE/NAME");
        } else {
            found.service_accounts.insert(Account { namespace: namespace.map(str::to_owned), name: name.to_owned() });
        }
    });
    let is_stated =
        ["users", "groups", "serviceAccounts"].iter().any(|key| matches!(claims.get(key), Some(Node::Array(items)) if !items.is_empty()));
    if !is_stated {
        faults.add(
            &field,
            FaultKind::Invalid,
            "must list at least one of users, groups and serviceAccounts; without claims everybody may claim the identity",
        );
    }
    Some(found)
}

/// Calls `read` with each string of a list and its path.
fn each<'n>(parent: &'n Node<'n>, key: &str, field: &Path<'_>, faults: &mut Faults, mut read: impl FnMut(&str, &Path<'_>, &mut Faults)) {
    let list = field.key(key);
    for (index, item) in faults.list(parent, key, field).iter().enumerate() {
        let at = list.index(index);
        match item.as_str() {
            Some(text) => read(text, &at, faults),
            None => faults.wrong_type(item, &at, "a string"),
        }
    }
}

/// Returns whether the name of a user or a group can be used. An empty one would match requests without one.
fn is_name(text: &str, field: &Path<'_>, faults: &mut Faults) -> bool {
    let is_valid = !text.trim().is_empty() && !text.chars().any(char::is_control);
    if !is_valid {
        faults.add(field, FaultKind::Invalid, "must be a name without control characters");
    }
    is_valid
}

fn read_account<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Option<String> {
    let name = faults.string(grant, "serviceAccountName", field)?;
    if let Some(fault) = dns_subdomain_fault(name) {
        faults.add(&field.key("serviceAccountName"), FaultKind::Invalid, fault);
    }
    Some(name.to_owned())
}

fn read_images<'n>(grant: &'n Node<'n>, field: &Path<'_>, faults: &mut Faults) -> Vec<ImagePattern> {
    let mut images = Vec::new();
    each(grant, "images", field, faults, |text, at, faults| {
        if text.is_empty() || text.len() > MAX_PATTERN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("must be an image reference in which * matches any characters: 1 to {MAX_PATTERN} characters, no spaces");
            faults.add(at, FaultKind::Invalid, message);
        } else {
            images.push(ImagePattern(text.to_owned()));
        }
    });
    if matches!(grant.get("images"), Some(Node::Array(items)) if items.is_empty()) {
        faults.add(&field.key("images"), FaultKind::Invalid, "must list at least one pattern; without images every image is allowed");
    }
    images.sort_unstable();
    images.dedup();
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> ImagePattern {
        ImagePattern(text.to_owned())
    }

    #[test]
    fn a_pattern_matches_the_whole_reference() {
        for (text, image, expected) in [
            ("a/b:1", "a/b:1", true),
            ("a/b:1", "a/b:10", false),
            ("a/*", "a/b:1", true),
            ("a/*", "a/", true),
            ("a/*", "xa/b", false),
            ("a/*", "a", false),
            ("*:1", "a:1", true),
            ("*:1", "a:1@sha256:0", false),
            ("a*b*c", "abc", true),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("a**b", "ab", true),
            ("*", "", true),
            ("*", "a\nb", true),
            ("a.c", "abc", false),
            ("*aa*aa", "aaa", false),
            ("*aa*aa", "aaaa", true),
        ] {
            assert_eq!(pattern(text).matches(image), expected, "{text} {image:?}");
        }
    }

    /// Tries every way to divide the image.
    fn naive(pattern: &[u8], image: &[u8]) -> bool {
        match pattern.split_first() {
            None => image.is_empty(),
            Some((b'*', rest)) => (0..=image.len()).any(|start| naive(rest, &image[start..])),
            Some((letter, rest)) => image.split_first().is_some_and(|(first, image)| first == letter && naive(rest, image)),
        }
    }

    #[test]
    fn every_short_pattern_matches_as_the_naive_model_says() {
        let words = |letters: &[u8], length: u32| -> Vec<String> {
            let base = u32::try_from(letters.len()).unwrap();
            let word = |length: u32, number: u32| -> String {
                (0..length).map(|place| char::from(letters[usize::try_from(number / base.pow(place) % base).unwrap()])).collect()
            };
            (0..=length).flat_map(|length| (0..base.pow(length)).map(move |number| (length, number))).map(|(l, n)| word(l, n)).collect()
        };
        let images = words(b"ab", 6);
        for text in words(b"ab*", 5) {
            for image in &images {
                assert_eq!(pattern(&text).matches(image), naive(text.as_bytes(), image.as_bytes()), "{text} {image}");
            }
        }
    }

    #[test]
    fn an_account_without_a_namespace_is_in_that_of_the_pod() {
        let claims = |namespace: Option<&str>| Claims {
            service_accounts: BTreeSet::from([Account { namespace: namespace.map(str::to_owned), name: "pyos".to_owned() }]),
            ..Claims::default()
        };
        let none = || std::iter::empty();
        let here = claims(None);
        assert!(here.lists("system:serviceaccount:desks:pyos", none(), "desks"));
        for other in
            ["system:serviceaccount:other:pyos", "system:serviceaccount:desks:pyos2", "pyos", "system:serviceaccount:desks", "desks:pyos"]
        {
            assert!(!here.lists(other, none(), "desks"), "{other}");
        }
        assert!(here.lists_account("pyos", "desks") && !here.lists_account("default", "desks"));
        let there = claims(Some("other"));
        assert!(there.lists("system:serviceaccount:other:pyos", none(), "desks"));
        assert!(!there.lists("system:serviceaccount:desks:pyos", none(), "desks"));
        assert!(there.lists_account("pyos", "other") && !there.lists_account("pyos", "desks"));
    }

    #[test]
    fn a_user_or_one_group_is_enough() {
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let claims = Claims { users: one("alice"), groups: one("ops"), ..Claims::default() };
        assert!(claims.lists("alice", std::iter::empty(), "any"));
        assert!(claims.lists("bob", ["dev", "ops"].into_iter(), "any"));
        assert!(!claims.lists("bob", ["alice"].into_iter(), "any") && !claims.lists("ops", std::iter::empty(), "any"));
        assert_eq!(claims.to_string(), "user alice, group ops");
    }
}
