//! The tables of the chart's README are generated from the comments in values.yaml.

use std::fmt::Write as _;

use serde_json::Value;

use super::generated::compare;
use super::schema::defaults;
use crate::support::helm::chart;

const BEGIN: &str = "<!-- values: generated from values.yaml -->\n";
const END: &str = "<!-- end of values -->\n";

/// Returns the tables for a values.yaml: a comment describes the value after it, "## " begins a table.
fn tables(text: &str, defaults: &Value) -> String {
    let mut tables = String::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    // The indentation of a value that has its row. Deeper lines belong to it.
    let mut row: Option<usize> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let depth = line.len() - trimmed.len();
        if let Some(title) = trimmed.strip_prefix("## ") {
            let _ = write!(tables, "\n### {title}\n\n| value | default | |\n|---|---|---|\n");
            comment.clear();
        } else if let Some(words) = trimmed.strip_prefix("# ") {
            comment.push(words);
        } else if trimmed.is_empty() {
            comment.clear();
        } else if row.is_none_or(|above| depth <= above) {
            row = None;
            let (key, written) = trimmed.split_once(':').unwrap_or_else(|| panic!("{line} is not a value"));
            path.retain(|(above, _)| *above < depth);
            path.push((depth, key.to_owned()));
            let value = path.iter().fold(defaults, |value, (_, key)| &value[key]);
            if written.trim().is_empty() && value.is_object() {
                continue;
            }
            assert!(!comment.is_empty(), "{line} has no comment");
            let name = path.iter().map(|(_, key)| key.as_str()).collect::<Vec<_>>().join(".");
            let _ = writeln!(tables, "| `{name}` | `{value}` | {} |", comment.join(" "));
            comment.clear();
            row = Some(depth);
        }
    }
    tables
}

#[test]
fn the_readme_has_the_comments_of_the_values() {
    let text = std::fs::read_to_string(chart().join("values.yaml")).unwrap();
    let path = chart().join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the README has a place for the values");
    let (_, after) = rest.split_once(END).expect("the values have an end");
    compare(&path, &format!("{before}{BEGIN}{}\n{END}{after}", tables(&text, &defaults())));
}

#[test]
fn every_value_has_a_row() {
    fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
        match value.as_object().filter(|map| !map.is_empty()) {
            Some(map) => {
                map.iter().for_each(|(key, value)| leaves(value, &format!("{path}{}{key}", if path.is_empty() { "" } else { "." }), found));
            }
            None => found.push(path.to_owned()),
        }
    }
    let mut found = Vec::new();
    leaves(&defaults(), "", &mut found);
    let readme = std::fs::read_to_string(chart().join("README.md")).unwrap();
    for path in found {
        assert!(readme.contains(&format!("| `{path}` |")), "{path} has no row");
    }
}
