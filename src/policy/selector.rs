//! Label selectors: for each key that one reads, the values that it accepts (rule 18).

use std::sync::Arc;

use super::steps::{Exhausted, Steps};
use super::values::ValueSet;
use crate::documents::fault::{Fault, FaultKind, Faults, Path};
use crate::documents::names::{label_key_fault, label_value_fault};
use crate::documents::node::Node;

/// The key that the control plane sets on every namespace (rule 19).
pub const NAMESPACE_NAME_KEY: &str = "kubernetes.io/metadata.name";

/// A label selector, understood: the product of one set of values a key. Selectors that select the
/// same are equal values: keys that accept everything are left out, and one that selects nothing has
/// one form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    /// Sorted by key; no set in it is full or empty. `None`: nothing can match.
    keys: Option<Arc<[Requirement]>>,
}

/// A key and the values of it that are accepted.
pub(crate) type Requirement = (Arc<str>, ValueSet);

impl Selector {
    /// Reads a `LabelSelector`: `matchLabels` and `matchExpressions`.
    ///
    /// # Errors
    /// Every fault, with its field, which starts with `field`.
    pub fn parse(selector: &Node<'_>, field: &str) -> Result<Selector, Vec<Fault>> {
        let mut faults = Faults::default();
        let parsed = read(selector, &Path::Root(field), Labels::OfPods, &mut faults);
        faults.or(parsed)
    }

    /// The selector that everything matches.
    pub fn all() -> Selector {
        Selector { keys: Some(Arc::default()) }
    }

    /// The selector that one label with one value is required by.
    pub(crate) fn label(key: &str, value: &str) -> Selector {
        Selector { keys: Some(Arc::from([(Arc::from(key), ValueSet::one_of([Arc::from(value)]))])) }
    }

    /// Answers whether labels match; `label` answers the value under a key.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.iter().all(|(key, values)| values.accepts(label(key))))
    }

    /// Answers whether nothing can match.
    pub fn is_empty(&self) -> bool {
        self.keys.is_none()
    }

    /// Answers whether everything matches.
    pub fn is_all(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.is_empty())
    }

    /// The keys that it reads, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().iter().map(|(key, _)| key.as_ref())
    }

    /// Answers whether a value (or absence) of one key is accepted, whatever the other keys say.
    pub fn accepts(&self, key: &str, value: Option<&str>) -> bool {
        self.keys.is_some() && self.values(key).is_none_or(|values| values.accepts(value))
    }

    /// The values that `key` must be one of, where it must be present with one of finitely many.
    pub fn required_values(&self, key: &str) -> Option<impl Iterator<Item = &str>> {
        let values = self.values(key).filter(|values| values.is_finite() && !values.accepts_absence())?;
        Some(values.listed().iter().map(AsRef::as_ref))
    }

    pub(crate) fn entries(&self) -> &[Requirement] {
        self.keys.as_deref().unwrap_or_default()
    }

    fn values(&self, key: &str) -> Option<&ValueSet> {
        let entries = self.entries();
        let index = entries.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        entries.get(index).map(|(_, values)| values)
    }

    pub(crate) fn intersect(&self, other: &Self, steps: &mut Steps) -> Result<Self, Exhausted> {
        if self.is_empty() || other.is_all() {
            return Ok(self.clone());
        }
        if other.is_empty() || self.is_all() {
            return Ok(other.clone());
        }
        let mut both = Vec::with_capacity(self.entries().len() + other.entries().len());
        for (key, left, right) in Merged::new(self, other) {
            let values = match (left, right) {
                (Some(left), Some(right)) => left.intersect(right, steps)?,
                (Some(one), None) | (None, Some(one)) => one.clone(),
                (None, None) => continue,
            };
            if values.is_empty() {
                return Ok(Selector { keys: None });
            }
            both.push((key.clone(), values));
        }
        steps.take(both.len())?;
        Ok(Selector { keys: Some(both.into()) })
    }

    /// Whether nothing matches both.
    pub(crate) fn is_disjoint(&self, other: &Self, steps: &mut Steps) -> Result<bool, Exhausted> {
        if self.is_empty() || other.is_empty() {
            return Ok(true);
        }
        for (_, left, right) in Merged::new(self, other) {
            steps.take(1)?;
            if let (Some(left), Some(right)) = (left, right)
                && left.is_disjoint(right, steps)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether `other` matches wherever `self` does.
    pub(crate) fn is_subset(&self, other: &Self, steps: &mut Steps) -> Result<bool, Exhausted> {
        if self.is_empty() {
            return Ok(true);
        }
        if other.is_empty() {
            return Ok(false);
        }
        for (_, left, right) in Merged::new(self, other) {
            steps.take(1)?;
            match (left, right) {
                (None, Some(_)) => return Ok(false),
                (Some(left), Some(right)) if !left.is_subset(right, steps)? => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
    }

    /// What matches `self` and not `other`, as disjoint selectors: at most one a key of `other`.
    pub(crate) fn subtract(&self, other: &Self, steps: &mut Steps) -> Result<Vec<Selector>, Exhausted> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let mut pieces = Vec::new();
        let mut rest = self.clone();
        for (key, limit) in other.entries() {
            let full = ValueSet::full();
            let outside = rest.values(key).unwrap_or(&full).subtract(limit, steps)?;
            if !outside.is_empty() {
                pieces.push(rest.with(key, outside, steps)?);
            }
            let inside = rest.values(key).unwrap_or(&full).intersect(limit, steps)?;
            if inside.is_empty() {
                return Ok(pieces);
            }
            rest = rest.with(key, inside, steps)?;
        }
        if other.is_empty() {
            pieces.push(rest);
        }
        Ok(pieces)
    }

    /// The same among namespaces, where no [`NAMESPACE_NAME_KEY`] is absent (rule 19); `None` where nothing is left.
    pub(crate) fn among_namespaces(self, steps: &mut Steps) -> Result<Option<Self>, Exhausted> {
        let Some(values) = self.values(NAMESPACE_NAME_KEY).filter(|values| values.accepts_absence()) else { return Ok(Some(self)) };
        let present = values.without_absence();
        if present.is_empty() {
            return Ok(None);
        }
        let values = if present == ValueSet::present() { ValueSet::full() } else { present };
        self.with(&Arc::from(NAMESPACE_NAME_KEY), values, steps).map(Some)
    }

    /// The same selector with other values for one key: not empty.
    fn with(&self, key: &Arc<str>, values: ValueSet, steps: &mut Steps) -> Result<Self, Exhausted> {
        steps.take(1 + self.entries().len())?;
        let mut entries = self.entries().to_vec();
        match entries.binary_search_by(|(name, _)| name.cmp(key)) {
            Ok(index) => {
                if let Some((_, slot)) = entries.get_mut(index) {
                    *slot = values;
                }
            }
            Err(index) => entries.insert(index, (key.clone(), values)),
        }
        entries.retain(|(_, values)| !values.is_full());
        Ok(Selector { keys: Some(entries.into()) })
    }
}

/// Whose labels a selector reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Labels<'a> {
    /// Those of pods.
    OfPods,
    /// Those of namespaces, where every one has [`NAMESPACE_NAME_KEY`]: a value of it that equals the first name means the second.
    OfNamespaces { renamed: Option<(&'a str, &'a str)> },
}

/// Reads a selector; what is wrong goes to `faults`.
pub(crate) fn read<'n>(selector: &'n Node<'n>, field: &Path<'_>, labels: Labels<'_>, faults: &mut Faults) -> Selector {
    let mut terms: Vec<(&str, Term)> = Vec::new();
    let Some(selector) = faults.map(selector, field, &["matchLabels", "matchExpressions"]) else {
        return Selector::all();
    };
    match selector.get("matchLabels") {
        None => {}
        Some(Node::Object(entries)) => {
            let field = field.key("matchLabels");
            for (key, value) in entries {
                let field = field.key(key);
                check_key(key, &field, faults);
                match value.as_str() {
                    Some(value) => {
                        check_value(value, &field, faults);
                        terms.push((key, Term::Within(ValueSet::exactly(labels.value(key, value)))));
                    }
                    None => faults.wrong_type(value, &field, "a string (in YAML, quote it)"),
                }
            }
        }
        Some(other) => faults.wrong_type(other, &field.key("matchLabels"), "a map"),
    }
    let expressions = field.key("matchExpressions");
    for (index, expression) in faults.list(selector, "matchExpressions", field).iter().enumerate() {
        read_expression(expression, &expressions.index(index), labels, &mut terms, faults);
    }
    // Stable: a key's terms stay beside each other, each read once however many there are.
    terms.sort_by_key(|(key, _)| *key);
    let mut terms = terms.into_iter().peekable();
    let mut keys: Vec<Requirement> = Vec::with_capacity(terms.len());
    while let Some((key, first)) = terms.next() {
        let more = std::iter::from_fn(|| terms.next_if(|(next, _)| *next == key)).map(|(_, term)| term);
        let mut values = combine(first, more);
        if matches!(labels, Labels::OfNamespaces { .. }) && key == NAMESPACE_NAME_KEY {
            // Every namespace has it: absence is impossible, and presence says nothing (rule 19).
            values = values.without_absence();
            if values == ValueSet::present() {
                continue;
            }
        }
        if values.is_empty() {
            return Selector { keys: None };
        }
        if !values.is_full() {
            keys.push((Arc::from(key), values));
        }
    }
    Selector { keys: Some(keys.into()) }
}

/// What one entry of a selector says of its key.
enum Term {
    Within(ValueSet),
    NoneOf(Vec<Arc<str>>),
}

/// The values that all terms of a key accept. Exclusions are gathered and sorted once; an intersection is never
/// longer than the list that was read last, so that the whole is linear in what was read.
fn combine(first: Term, more: impl Iterator<Item = Term>) -> ValueSet {
    let mut within: Option<ValueSet> = None;
    let mut excluded: Vec<Arc<str>> = Vec::new();
    for term in std::iter::once(first).chain(more) {
        match (term, &mut within) {
            (Term::Within(values), Some(within)) => *within = within.and(&values),
            (Term::Within(values), None) => within = Some(values),
            (Term::NoneOf(values), _) => excluded.extend(values),
        }
    }
    match within {
        Some(within) if excluded.is_empty() => within,
        Some(within) => within.and(&ValueSet::none_of(excluded)),
        None => ValueSet::none_of(excluded),
    }
}

fn read_expression<'n>(node: &'n Node<'n>, field: &Path<'_>, labels: Labels<'_>, terms: &mut Vec<(&'n str, Term)>, faults: &mut Faults) {
    let Some(expression) = faults.map(node, field, &["key", "operator", "values"]) else { return };
    let key = faults.string(expression, "key", field);
    match key {
        Some(key) => check_key(key, &field.key("key"), faults),
        None => faults.add(&field.key("key"), FaultKind::Invalid, "a key is required"),
    }
    let key = key.unwrap_or_default();
    let mut values: Vec<Arc<str>> = Vec::new();
    let list = field.key("values");
    for (index, value) in faults.list(expression, "values", field).iter().enumerate() {
        let field = list.index(index);
        match value.as_str() {
            Some(value) => {
                check_value(value, &field, faults);
                values.push(labels.value(key, value));
            }
            None => faults.wrong_type(value, &field, "a string (in YAML, quote it)"),
        }
    }
    let operator = faults.string(expression, "operator", field).unwrap_or_default();
    match operator {
        "In" | "NotIn" if values.is_empty() => faults.add(&list, FaultKind::Invalid, format!("{operator} needs at least one value")),
        "Exists" | "DoesNotExist" if !values.is_empty() => faults.add(&list, FaultKind::Invalid, format!("{operator} takes no values")),
        _ => {}
    }
    let term = match operator {
        "In" => Term::Within(ValueSet::one_of(values)),
        "NotIn" => Term::NoneOf(values),
        "Exists" => Term::Within(ValueSet::present()),
        "DoesNotExist" => Term::Within(ValueSet::missing()),
        _ => {
            faults.add(&field.key("operator"), FaultKind::Invalid, "must be In, NotIn, Exists or DoesNotExist");
            return;
        }
    };
    terms.push((key, term));
}

impl Labels<'_> {
    fn value(self, key: &str, value: &str) -> Arc<str> {
        match self {
            Labels::OfNamespaces { renamed: Some((from, to)) } if key == NAMESPACE_NAME_KEY && value == from => Arc::from(to),
            _ => Arc::from(value),
        }
    }
}

fn check_key(key: &str, field: &Path<'_>, faults: &mut Faults) {
    if let Some(message) = label_key_fault(key) {
        faults.add(field, FaultKind::Invalid, message);
    }
}

fn check_value(value: &str, field: &Path<'_>, faults: &mut Faults) {
    if let Some(message) = label_value_fault(value) {
        faults.add(field, FaultKind::Invalid, message);
    }
}

/// The keys of two selectors in order, each with the sets that either has for it.
struct Merged<'s> {
    left: &'s [Requirement],
    right: &'s [Requirement],
}

impl<'s> Merged<'s> {
    fn new(left: &'s Selector, right: &'s Selector) -> Self {
        Merged { left: left.entries(), right: right.entries() }
    }
}

impl<'s> Iterator for Merged<'s> {
    type Item = (&'s Arc<str>, Option<&'s ValueSet>, Option<&'s ValueSet>);

    fn next(&mut self) -> Option<Self::Item> {
        use std::cmp::Ordering::{Equal, Greater, Less};
        let order = match (self.left.first(), self.right.first()) {
            (None, None) => return None,
            (Some(_), None) => Less,
            (None, Some(_)) => Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        let mut take = |from_left: bool| {
            let side = if from_left { &mut self.left } else { &mut self.right };
            let (first, rest) = side.split_first()?;
            *side = rest;
            Some(first)
        };
        match order {
            Less => take(true).map(|(key, values)| (key, Some(values), None)),
            Greater => take(false).map(|(key, values)| (key, None, Some(values))),
            Equal => {
                let (key, left) = take(true)?;
                let (_, right) = take(false)?;
                Some((key, Some(left), Some(right)))
            }
        }
    }
}
