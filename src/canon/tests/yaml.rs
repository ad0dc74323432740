//! Files that cannot be parsed, and YAML values with a surprising meaning.

use std::fmt::Write as _;

use super::{POLICIES, canon, compile, policy, problem, problems};
use crate::canon::{Canon, Documents};

#[test]
fn invalid_yaml_is_rejected_with_its_line() {
    let text = format!("{POLICIES}---\na: [\n");
    assert_eq!(problem(&text), "canon.yaml, document 3: cannot be parsed as YAML: unclosed bracket '[' at line 8, column 4");
}

#[test]
fn a_duplicate_key_is_rejected_with_its_line() {
    let text = format!("{POLICIES}---\nkind: Grants\nkind: Grants\n");
    assert_eq!(problem(&text), "canon.yaml, document 3: line 9: duplicate key \"kind\"; remove one of the two");
}

#[test]
fn documents_after_an_invalid_one_are_read() {
    let text = format!("x: 1\nx: 2\n---{POLICIES}---\nx: 1\nx: 2\n");
    assert_eq!(
        problems(&text),
        [
            "canon.yaml, document 1: line 2: duplicate key \"x\"; remove one of the two",
            "canon.yaml, document 4: line 11: duplicate key \"x\"; remove one of the two",
        ]
    );
}

#[test]
fn a_document_that_is_not_a_map_is_rejected() {
    assert_eq!(problem("- a\n"), "canon.yaml, document 1: must be a map with apiVersion, kind and metadata, not a list");
    assert_eq!(problem("hello\n"), "canon.yaml, document 1: must be a map with apiVersion, kind and metadata, not a string");
}

#[test]
fn empty_documents_are_skipped_and_not_counted() {
    let text = format!("---\n# nothing\n---\n---{POLICIES}---\n---\n- x\n---\n");
    assert_eq!(problem(&text), "canon.yaml, document 3: must be a map with apiVersion, kind and metadata, not a list");
    assert_eq!(canon(&format!("---\n---{POLICIES}---\n")).namespaces["home"].by_name.len(), 2);
}

#[test]
fn a_canon_without_policies_is_rejected() {
    for text in ["", "---\n", "# nothing\n"] {
        assert_eq!(problem(text), "the canon has no NetworkPolicy, so it would not protect anything");
    }
}

#[test]
fn an_alias_bomb_is_rejected() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert!(
        problem(&text).ends_with("the document is too large after its aliases are expanded; split it or remove the aliases"),
        "{}",
        problem(&text)
    );
}

#[test]
fn many_small_bombs_are_rejected_together() {
    let bomb = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n\
                d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d, *d]\n---\n";
    let error = compile(&bomb.repeat(100)).unwrap_err();
    let last = error.problems.iter().map(|problem| &problem.message).next_back().unwrap();
    assert!(last.starts_with("the file has more than 400000 values up to this document"), "{error}");
}

#[test]
fn deep_nesting_is_rejected() {
    for text in
        [format!("a: {}{}", "[".repeat(90), "]".repeat(90)), format!("a: {}{}", "[".repeat(9000), "]".repeat(9000)), "- ".repeat(9000)]
    {
        assert!(!problem(&text).is_empty());
    }
}

#[test]
fn an_alias_inside_its_own_anchor_is_rejected() {
    assert_eq!(problem("a: &a [*a]\n"), "canon.yaml, document 1: line 1: the alias is inside its own anchor; write the value instead");
}

#[test]
fn an_alias_into_another_document_is_rejected() {
    let text = format!("{POLICIES}---\na: &a 1\n---\nb: *a\n");
    assert!(problems(&text).iter().any(|problem| problem.ends_with("the alias refers to an anchor that is not in the same document")));
}

#[test]
fn anchors_and_merge_keys_within_a_document_are_expanded() {
    let spec = "{podSelector: &db {matchLabels: {run: db}}, ingress: [{from: [{podSelector: *db}], <<: {ports: [{port: 1}]}}]}";
    let canon = canon(&policy("{name: a}", spec));
    let spec = &canon.namespaces["home"].by_name["a"].manifest["spec"];
    assert_eq!(spec["ingress"][0]["from"][0]["podSelector"]["matchLabels"]["run"], "db");
    assert_eq!(spec["ingress"][0]["ports"][0]["port"], 1);
}

#[test]
fn unquoted_words_that_are_not_strings_are_rejected_as_label_values() {
    for (bare, found) in [
        ("true", "a boolean"),
        ("yes", "a boolean"),
        ("on", "a boolean"),
        ("y", "a boolean"),
        ("1", "a number"),
        ("1e3", "a number"),
        ("", "null"),
        ("~", "null"),
    ] {
        let text = policy("{name: a}", &format!("{{podSelector: {{matchLabels: {{run: {bare} }}}}}}"));
        assert_eq!(
            problem(&text),
            format!(
                "canon.yaml, document 1 (NetworkPolicy \"a\"), spec.podSelector.matchLabels.run: must be a string (in YAML, quote it), not {found}"
            ),
        );
    }
}

#[test]
fn quoted_words_are_strings() {
    for quoted in ["'true'", "\"yes\"", "'1'", "!!str true", "plain"] {
        let text = policy("{name: a}", &format!("{{podSelector: {{matchLabels: {{run: {quoted} }}}}}}"));
        assert!(canon(&text).namespaces["home"].by_name["a"].manifest["spec"]["podSelector"]["matchLabels"]["run"].is_string());
    }
}

#[test]
fn numbers_that_kubectl_reads_differently_are_rejected_as_ports() {
    for port in ["0755", "1_000"] {
        let text = policy("{name: a}", &format!("{{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}"));
        assert!(problem(&text).starts_with("canon.yaml, document 1 (NetworkPolicy \"a\"), spec.ingress[0].ports[0].port: "));
    }
}

#[test]
fn unknown_tags_are_rejected() {
    assert!(problem("a: !include other.yaml\n").contains("unsupported tag"));
}

#[test]
fn messages_do_not_repeat_long_content() {
    let long = "x".repeat(100_000);
    let texts = [
        format!("{long}: 1\n{long}: 2\n"),
        policy(&format!("{{name: {long}, {long}: 1}}"), "{podSelector: {}}"),
        policy("{name: a}", &format!("{{podSelector: {{matchLabels: {{{long}: {long}}}}}, {long}: 1}}")),
        format!("apiVersion: {long}\nkind: {long}\nmetadata: {{name: {long}}}\n"),
        format!("a: \"{long}\n"),
    ];
    for text in texts {
        let error = compile(&text).unwrap_err().to_string();
        assert!(error.len() < 4000, "{} bytes: {error:.200}", error.len());
    }
}

#[test]
fn json_is_parsed_as_json() {
    let object = r#"{"apiVersion": "networking.k8s.io/v1",	"kind": "NetworkPolicy", "metadata": {"name": "a", "annotations": {"x": "\ud83d\ude00"}},
	"spec": {"podSelector": {}}}"#;
    let read = |text: &str| Canon::from_documents(&Documents::from_text("canon.json", text), &["home".to_owned()]);
    assert_eq!(read(object).unwrap().namespaces["home"].by_name["a"].manifest["metadata"]["annotations"]["x"], "😀");
    let doubled = object.replacen("\"kind\"", "\"kind\": \"Grants\", \"kind\"", 1);
    assert!(read(&doubled).unwrap_err().to_string().contains("document 1: cannot be parsed as JSON: duplicate key \"kind\""));
    assert!(read("{} {}").unwrap_err().to_string().contains("cannot be parsed as JSON"));
    assert!(read(" ").unwrap_err().to_string().ends_with("would not protect anything"));
}
