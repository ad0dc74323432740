//! The ids of findings in `docs/check.md` are those of the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::root;

/// Where findings are made. Their ids are literals of lowercase words with hyphens, which follow another value.
const FOLDERS: [&str; 3] = ["src/drift", "src/cli/check/cluster", "src/controller/drift"];

fn is_id(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    words.len() > 1 && words.iter().all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()))
}

/// Returns the ids in the code of a folder, without that of its tests, and of the page of the controller, which makes no findings.
fn in_code(folder: &Path) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.file_stem().is_some_and(|name| name == "tests" || name == "page") {
            continue;
        }
        if path.is_dir() {
            ids.extend(in_code(&path));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let parts: Vec<&str> = line.split('"').collect();
            // Every second part is a literal.
            let literals = parts.chunks_exact(2).filter(|pair| pair[0].ends_with(", ")).map(|pair| pair[1]);
            ids.extend(literals.filter(|text| is_id(text)).map(str::to_owned));
        }
    }
    ids
}

#[test]
fn every_finding_has_its_place_in_the_table_of_sections() {
    let ids: BTreeSet<String> = FOLDERS.iter().flat_map(|folder| in_code(&root().join(folder))).collect();
    assert!(ids.len() > 20, "{ids:?}");
    let page = fs::read_to_string(root().join("docs/check.md")).unwrap();
    let (_, rest) = page.split_once("| section | what is checked | findings |").unwrap();
    let table = rest.split_once("\n\n").unwrap().0;
    let mut documented = BTreeSet::new();
    for row in table.lines().skip(2) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let [_section, _checked, findings] = cells[..] else { panic!("not three cells: {row}") };
        for id in findings.split('`').skip(1).step_by(2) {
            assert!(documented.insert(id.to_owned()), "{id} is there twice");
        }
    }
    assert_eq!(documented, ids, "docs/check.md and the code have different findings");
}
