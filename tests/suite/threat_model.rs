//! The threat model names the tests that prove its claims: each of them exists.

use std::collections::BTreeSet;
use std::fs;

use crate::support::root;

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let text = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let named: BTreeSet<(&str, &str)> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.rsplit_once("::"))
        .filter(|(module, test)| {
            let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            module.split("::").chain([*test]).all(is_word)
        })
        .collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    let missing: Vec<_> = named
        .into_iter()
        .filter(|(module, test)| {
            let source =
                fs::read_to_string(root().join(format!("tests/suite/cluster/{}.rs", module.replace("::", "/")))).unwrap_or_default();
            !source.contains(&format!("#[test]\nfn {test}("))
        })
        .collect();
    assert!(missing.is_empty(), "these tests do not exist: {missing:?}");
}
