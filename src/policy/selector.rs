//! Label selectors: for each key, the set of values that the selector accepts (rule 18).

use std::sync::Arc;

use super::steps::{Exhausted, MAX_STEPS, Steps};
use super::values::ValueSet;
use crate::documents::fault::{Fault, FaultKind, Faults, Path};
use crate::documents::names::{label_key_fault, label_value_fault};
use crate::documents::node::Node;

/// The label key that the control plane sets on every namespace (rule 19).
pub const NAMESPACE_NAME_KEY: &str = "kubernetes.io/metadata.name";

/// A parsed label selector: for each key, a set of accepted values. Selectors that select the same objects are
/// equal values: a key that accepts everything is omitted, and there is only one selector that selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Selector {
    /// Sorted by key; no set is full or empty. `None` if nothing can match.
    keys: Option<Arc<[Requirement]>>,
}

/// A key and its accepted values.
pub(crate) type Requirement = (Arc<str>, ValueSet);

impl Selector {
    /// Parses a `LabelSelector` of pods: `matchLabels` and `matchExpressions`.
    ///
    /// # Errors
    /// Every fault. The path of its field starts with `field`.
    pub fn parse(selector: &Node<'_>, field: &str) -> Result<Selector, Vec<Fault>> {
        let mut faults = Faults::default();
        let parsed = parse(selector, &Path::Root(field), Selects::Pods, &mut faults);
        faults.into_result(parsed)
    }

    /// Returns the selector that everything matches.
    pub fn all() -> Selector {
        Selector { keys: Some(Arc::default()) }
    }

    /// Returns the selector that requires one label with one value.
    pub(crate) fn label(key: &str, value: &str) -> Selector {
        Selector { keys: Some(Arc::from([(Arc::from(key), ValueSet::one_of([Arc::from(value)]))])) }
    }

    /// Returns whether labels match. `label` returns the value of a key.
    pub fn matches<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.iter().all(|(key, values)| values.accepts(label(key))))
    }

    /// Returns whether nothing can match.
    pub fn is_empty(&self) -> bool {
        self.keys.is_none()
    }

    /// Returns whether everything matches.
    pub fn is_all(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.is_empty())
    }

    /// Returns the keys that the selector reads, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries().iter().map(|(key, _)| key.as_ref())
    }

    /// Returns whether the selector accepts a value (`None`: absence) of one key. Other keys are ignored.
    pub fn accepts(&self, key: &str, value: Option<&str>) -> bool {
        self.keys.is_some() && self.values(key).is_none_or(|values| values.accepts(value))
    }

    /// Returns the accepted values of `key` if the key is required and has a finite list of accepted values.
    pub fn required_values(&self, key: &str) -> Option<impl Iterator<Item = &str>> {
        let values = self.values(key).filter(|values| values.is_finite() && !values.accepts_absence())?;
        Some(values.listed().iter().map(AsRef::as_ref))
    }

    /// Returns the values of `key` that the selector lists, accepted or not.
    pub fn listed_values(&self, key: &str) -> Option<impl Iterator<Item = &str>> {
        Some(self.values(key)?.listed().iter().map(AsRef::as_ref))
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

    /// Returns whether nothing matches both.
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

    /// Returns whether everything that matches `self` matches `other`.
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

    /// Returns whether something can match both. If that takes too many steps to find out, it is assumed.
    pub fn can_match_with(&self, other: &Self) -> bool {
        !self.is_disjoint(other, &mut Steps::new(MAX_STEPS)).unwrap_or(false)
    }

    /// Returns what matches `self` and not `other`, as disjoint selectors: at most one for each key of `other`.
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

    /// Returns labels that this selector accepts and none of the others: the first piece, if there are several. If the limit
    /// on steps is reached, this selector itself.
    pub fn without<'s>(&self, others: impl Iterator<Item = &'s Selector>) -> Option<Selector> {
        let steps = &mut Steps::new(MAX_STEPS);
        let mut left = vec![self.clone()];
        for other in others {
            let rest = left.iter().map(|part| part.subtract(other, steps)).collect::<Result<Vec<_>, Exhausted>>();
            let Ok(rest) = rest else { return Some(self.clone()) };
            left = rest.into_iter().flatten().collect();
        }
        left.into_iter().next()
    }

    /// Returns the same selector for namespaces, which always have [`NAMESPACE_NAME_KEY`] (rule 19), or `None` if it
    /// selects nothing.
    pub(crate) fn among_namespaces(self, steps: &mut Steps) -> Result<Option<Self>, Exhausted> {
        let Some(values) = self.values(NAMESPACE_NAME_KEY).filter(|values| values.accepts_absence()) else { return Ok(Some(self)) };
        let present = values.without_absence();
        if present.is_empty() {
            return Ok(None);
        }
        let values = if present == ValueSet::present() { ValueSet::full() } else { present };
        self.with(&Arc::from(NAMESPACE_NAME_KEY), values, steps).map(Some)
    }

    /// Returns the same selector with other values, not empty, for one key.
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

/// The kind of objects that a selector selects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Selects<'a> {
    Pods,
    /// Every namespace has [`NAMESPACE_NAME_KEY`]. Where a selector has the first name of `renamed` as its value, it
    /// means the second.
    Namespaces {
        renamed: Option<(&'a str, &'a str)>,
    },
}

/// Parses a selector and adds its faults to `faults`.
pub(crate) fn parse<'n>(selector: &'n Node<'n>, field: &Path<'_>, selects: Selects<'_>, faults: &mut Faults) -> Selector {
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
                        terms.push((key, Term::Within(ValueSet::exactly(selects.value(key, value)))));
                    }
                    None => faults.wrong_type(value, &field, "a string (in YAML, quote it)"),
                }
            }
        }
        Some(other) => faults.wrong_type(other, &field.key("matchLabels"), "a map"),
    }
    let expressions = field.key("matchExpressions");
    for (index, expression) in faults.list(selector, "matchExpressions", field).iter().enumerate() {
        parse_expression(expression, &expressions.index(index), selects, &mut terms, faults);
    }
    // Groups the terms of each key, so that each term is visited once.
    terms.sort_by_key(|(key, _)| *key);
    let mut terms = terms.into_iter().peekable();
    let mut keys: Vec<Requirement> = Vec::with_capacity(terms.len());
    while let Some((key, first)) = terms.next() {
        let more = std::iter::from_fn(|| terms.next_if(|(next, _)| *next == key)).map(|(_, term)| term);
        let mut values = combine(first, more);
        if matches!(selects, Selects::Namespaces { .. }) && key == NAMESPACE_NAME_KEY {
            // Every namespace has the key, so absence is impossible and presence is no restriction (rule 19).
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

/// The restriction that one entry of a selector puts on its key.
enum Term {
    Within(ValueSet),
    NoneOf(Vec<Arc<str>>),
}

/// Returns the values that all terms of a key accept. Exclusions are collected and sorted once, and an
/// intersection is never longer than the last list, so the work is linear in the size of the selector.
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

fn parse_expression<'n>(node: &'n Node<'n>, field: &Path<'_>, selects: Selects<'_>, terms: &mut Vec<(&'n str, Term)>, faults: &mut Faults) {
    let Some(expression) = faults.map(node, field, &["key", "operator", "values"]) else { return };
    let key = faults.string(expression, "key", field);
    match key {
        Some(key) => check_key(key, &field.key("key"), faults),
        None => faults.add(&field.key("key"), FaultKind::Invalid, "is missing"),
    }
    let key = key.unwrap_or_default();
    let mut values: Vec<Arc<str>> = Vec::new();
    let list = field.key("values");
    for (index, value) in faults.list(expression, "values", field).iter().enumerate() {
        let field = list.index(index);
        match value.as_str() {
            Some(value) => {
                check_value(value, &field, faults);
                values.push(selects.value(key, value));
            }
            None => faults.wrong_type(value, &field, "a string (in YAML, quote it)"),
        }
    }
    let operator = faults.string(expression, "operator", field).unwrap_or_default();
    match operator {
        "In" | "NotIn" if values.is_empty() => faults.add(&list, FaultKind::Invalid, format!("{operator} requires at least one value")),
        "Exists" | "DoesNotExist" if !values.is_empty() => faults.add(&list, FaultKind::Invalid, format!("{operator} must have no values")),
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

impl Selects<'_> {
    fn value(self, key: &str, value: &str) -> Arc<str> {
        match self {
            Selects::Namespaces { renamed: Some((from, to)) } if key == NAMESPACE_NAME_KEY && value == from => Arc::from(to),
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

/// Iterates over the keys of two selectors in order, with the set of values that each selector has for the key.
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
