//! The first difference between two JSON trees, for objects that are compared literally.

use std::fmt;

use super::fault::Path;
use super::node::Node;
use super::text::{escaped, one_line};

/// The maximum length of a path in a message, in characters.
const MAX_PATH: usize = 160;
/// The maximum length of an expected value in a message, in characters.
const MAX_VALUE: usize = 60;

/// The first difference between an expected tree and a found one. It has no value of the found tree, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The path of the value: `spec.ingress[0].toPorts[0]`.
    pub path: String,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// Only the found tree has the value.
    Extra,
    /// Only the expected tree has the value.
    Missing(String),
    /// The value has another type: the found one, and the expected value.
    Type(&'static str, String),
    /// The value is another one of the same type.
    Value(String),
}

impl fmt::Display for Difference {
    /// `spec.ports[0] is not "80"`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match &self.what {
            What::Extra => write!(formatter, "{path} is not in the canon"),
            What::Missing(expected) => write!(formatter, "{path} is missing, and is {expected} in the canon"),
            What::Type(found, expected) => write!(formatter, "{path} is {found}, not {expected}"),
            What::Value(expected) => write!(formatter, "{path} is not {expected}"),
        }
    }
}

/// Returns the first difference between two trees, in the order of keys; `None` if they are exactly the same JSON. The order of
/// keys does not matter. `null` is a value: it is not the same as a missing field. Integers are compared as integers and other
/// numbers as 64-bit floats, as an API server stores them; an integer is never equal to another number. The fields `but` of the
/// outermost maps are ignored.
///
/// It takes linear time, but for the keys of maps, which are sorted.
pub fn difference(expected: &Node<'_>, found: &Node<'_>, but: &[&str]) -> Option<Difference> {
    of_values(expected, found, but, &Path::Root(""))
}

/// Returns the first difference between two values at `path`, each of which may be missing.
pub(crate) fn of_optional(expected: Option<&Node<'_>>, found: Option<&Node<'_>>, path: &Path<'_>) -> Option<Difference> {
    match (expected, found) {
        (None, None) => None,
        (Some(expected), Some(found)) => of_values(expected, found, &[], path),
        (Some(expected), None) => Some(at(path, What::Missing(shown(expected)))),
        (None, Some(_)) => Some(at(path, What::Extra)),
    }
}

fn of_values(expected: &Node<'_>, found: &Node<'_>, but: &[&str], path: &Path<'_>) -> Option<Difference> {
    match (expected, found) {
        (Node::Object(expected), Node::Object(found)) => of_maps(sorted(expected, but), sorted(found, but), path),
        (Node::Array(expected), Node::Array(found)) => {
            let longest = expected.len().max(found.len());
            (0..longest).find_map(|index| of_optional(expected.get(index), found.get(index), &path.index(index)))
        }
        // A tree that is not read as a whole is not equal to anything.
        (expected, found) if expected == found && !matches!(expected, Node::Unread) => None,
        (expected, found) if expected.type_name() == found.type_name() => Some(at(path, What::Value(shown(expected)))),
        (expected, found) => Some(at(path, What::Type(found.type_name(), shown(expected)))),
    }
}

/// The fields of a map, sorted by key.
type Fields<'n> = Vec<(&'n str, &'n Node<'n>)>;

fn sorted<'n>(fields: &'n [(std::borrow::Cow<'n, str>, Node<'n>)], but: &[&str]) -> Fields<'n> {
    let mut fields: Fields<'n> = fields.iter().map(|(key, value)| (key.as_ref(), value)).filter(|(key, _)| !but.contains(key)).collect();
    fields.sort_unstable_by_key(|(key, _)| *key);
    fields
}

fn of_maps(expected: Fields<'_>, found: Fields<'_>, path: &Path<'_>) -> Option<Difference> {
    let (mut expected, mut found) = (expected.into_iter().peekable(), found.into_iter().peekable());
    loop {
        let key = match (expected.peek(), found.peek()) {
            (None, None) => return None,
            (Some((left, _)), Some((right, _))) => (*left).min(*right),
            (Some((key, _)), None) | (None, Some((key, _))) => *key,
        };
        let left = expected.next_if(|(name, _)| *name == key).map(|(_, value)| value);
        let right = found.next_if(|(name, _)| *name == key).map(|(_, value)| value);
        if let Some(difference) = of_optional(left, right, &path.key(key)) {
            return Some(difference);
        }
    }
}

fn at(path: &Path<'_>, what: What) -> Difference {
    let path = path.to_string();
    Difference { path: one_line(path.strip_prefix('.').unwrap_or(&path), MAX_PATH), what }
}

/// Returns an expected value for a message.
fn shown(expected: &Node<'_>) -> String {
    match expected {
        Node::Bool(value) => value.to_string(),
        Node::Integer(value) => value.to_string(),
        Node::Float(value) => value.to_string(),
        Node::String(text) => format!("\"{}\"", escaped(text, MAX_VALUE)),
        Node::Null | Node::Array(_) | Node::Object(_) | Node::Unread => expected.type_name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    fn between(expected: &Value, found: &Value) -> Option<String> {
        difference(&Node::from(expected), &Node::from(found), &["metadata", "status"]).map(|difference| difference.to_string())
    }

    #[test]
    fn the_first_difference_has_its_path() {
        let expected = json!({"kind": "K", "metadata": {"name": "a"}, "spec": {"ports": [{"port": "80"}, 2], "k8s:run": {"a": true}}});
        assert_eq!(between(&expected, &expected), None);
        let cases = [
            (json!({"kind": "K", "spec": {"ports": [{"port": "81"}, 2], "k8s:run": {"a": true}}}), r#"spec.ports[0].port is not "80""#),
            (
                json!({"kind": "K", "spec": {"ports": [{"port": 80}, 2], "k8s:run": {"a": true}}}),
                r#"spec.ports[0].port is a number, not "80""#,
            ),
            (
                json!({"kind": "K", "spec": {"ports": [{"port": "80"}], "k8s:run": {"a": true}}}),
                "spec.ports[1] is missing, and is 2 in the canon",
            ),
            (json!({"kind": "K", "spec": {"ports": [{"port": "80"}, 2, 3], "k8s:run": {"a": true}}}), "spec.ports[2] is not in the canon"),
            (
                json!({"kind": "K", "spec": {"ports": [{"port": "80"}, 2], "k8s:run": {"a": null}}}),
                r#"spec["k8s:run"].a is null, not true"#,
            ),
            (
                json!({"kind": "K", "specs": [], "spec": {"ports": [{"port": "80"}, 2], "k8s:run": {"a": true}}}),
                "specs is not in the canon",
            ),
            (json!({"kind": "K"}), "spec is missing, and is a map in the canon"),
            (json!({"spec": 1}), r#"kind is missing, and is "K" in the canon"#),
            (json!([]), "is a list, not a map"),
        ];
        for (found, sentence) in cases {
            assert_eq!(between(&expected, &found).unwrap().trim_start(), sentence);
        }
    }

    #[test]
    fn numbers_are_equal_as_an_api_server_stores_them() {
        let same = |expected: &str, found: &str| {
            let [expected, found] = [expected, found].map(|text| serde_json::from_str::<Node<'_>>(text).unwrap());
            difference(&expected, &found, &[]).is_none()
        };
        for (expected, found) in [("1", "1"), ("0.5", "0.50"), ("1e3", "1000.0"), ("18446744073709551616", "1.8446744073709552e19")] {
            assert!(same(expected, found), "{expected} {found}");
        }
        for (expected, found) in [("1", "1.0"), ("1.0", "1"), ("1", "\"1\""), ("0.5", "0.25"), ("9007199254740993", "9007199254740992")] {
            assert!(!same(expected, found), "{expected} {found}");
        }
    }

    #[test]
    fn a_tree_that_is_not_read_as_a_whole_is_never_equal() {
        assert!(difference(&Node::Unread, &Node::Unread, &[]).is_some());
        let long = format!("[{}]", vec!["0"; super::super::node::MAX_NODES + 1].join(","));
        let [one, other] = [&long, &long].map(|text| serde_json::from_str::<Node<'_>>(text).unwrap());
        assert!(difference(&one, &other, &[]).is_some());
    }

    #[test]
    fn a_hostile_tree_has_a_short_message_without_its_values() {
        let found = json!({"spec": {"x\n\"".repeat(500): {"secret": "s3cr3t"}}});
        let sentence = between(&json!({"spec": {}}), &found).unwrap();
        assert!(sentence.chars().count() < MAX_PATH + 40 && !sentence.contains('\n') && !sentence.contains("s3cr3t"), "{sentence}");
        let sentence = between(&json!({"spec": "x".repeat(500)}), &json!({"spec": "s3cr3t"})).unwrap();
        assert!(sentence.len() < MAX_VALUE + 40 && !sentence.contains("s3cr3t"), "{sentence}");
        // Wide and deep.
        let wide: Map<String, Value> = (0..20_000).map(|number| (format!("k{number}"), json!(number))).collect();
        assert_eq!(between(&wide.clone().into(), &wide.into()), None);
        let deep = (0..120).fold(json!(1), |inner, _| json!([inner]));
        assert!(between(&deep, &(0..120).fold(json!(2), |inner, _| json!([inner]))).is_some() && between(&deep, &deep).is_none());
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3i64..3).prop_map(Value::from),
            (1u32..4).prop_map(|number| json!(f64::from(number) + 0.5)),
            "[a-c]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-d]", inner, 0..4).prop_map(|map| map.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    /// Returns the paths of all values below a value, in the form of a message.
    fn paths(value: &Value, path: &str, all: &mut Vec<String>) {
        all.push(path.to_owned());
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| paths(item, &format!("{path}[{index}]"), all)),
            Value::Object(map) => map.iter().for_each(|(key, item)| paths(item, &format!("{path}.{key}"), all)),
            _ => {}
        }
    }

    fn at_path<'v>(value: &'v mut Value, path: &str) -> &'v mut Value {
        let pointer = path.replace('[', "/").replace(']', "").replace('.', "/");
        value.pointer_mut(&format!("/{pointer}")).unwrap()
    }

    /// Returns the tree as JSON with the keys of each map in the opposite order.
    fn reversed(value: &Value) -> String {
        match value {
            Value::Array(items) => format!("[{}]", items.iter().map(reversed).collect::<Vec<_>>().join(",")),
            Value::Object(map) => {
                let fields: Vec<String> = map.iter().rev().map(|(key, value)| format!("{}:{}", json!(key), reversed(value))).collect();
                format!("{{{}}}", fields.join(","))
            }
            other => other.to_string(),
        }
    }

    proptest! {
        /// Two trees have no difference exactly if they are equal: the trees of `serde_json` ignore the order of keys.
        #[test]
        fn trees_without_a_difference_are_equal_trees(one in tree(), other in tree()) {
            prop_assert_eq!(between(&one, &other).is_none(), one == other);
            let text = reversed(&one);
            let found: Node<'_> = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(difference(&Node::from(&one), &found, &[]), None);
        }

        /// A change of one value is found at its path, and a change of metadata or status is none.
        #[test]
        fn a_change_is_found_at_its_path(spec in tree(), metadata in tree(), choice in any::<proptest::sample::Index>(), change in 0..4) {
            let expected = json!({"apiVersion": "a/v1", "kind": "K", "metadata": metadata, "spec": spec, "status": {"x": 1}});
            let mut found = expected.clone();
            found["metadata"] = json!({"other": [1]});
            found["status"] = json!(2);
            prop_assert_eq!(between(&expected, &found), None);

            let mut all = Vec::new();
            paths(&expected["spec"], "spec", &mut all);
            let path = choice.get(&all).clone();
            let value = at_path(&mut found, &path);
            let path = match (change, &mut *value) {
                (0, Value::Object(map)) => {
                    map.insert("zz".to_owned(), Value::Null);
                    format!("{path}.zz")
                }
                (1, Value::Array(items)) => {
                    items.push(Value::Null);
                    format!("{path}[{}]", items.len() - 1)
                }
                (2, Value::Object(map)) if !map.is_empty() => {
                    let key = map.keys().next_back().unwrap().clone();
                    map.remove(&key);
                    format!("{path}.{key}")
                }
                (3, Value::Array(items)) if !items.is_empty() => {
                    items.pop();
                    format!("{path}[{}]", items.len())
                }
                _ => {
                    *value = json!("changed");
                    path
                }
            };
            let found = difference(&Node::from(&expected), &Node::from(&found), &["metadata", "status"]);
            prop_assert_eq!(found.map(|difference| difference.path), Some(path));
        }
    }
}
