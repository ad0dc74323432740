//! Rules about files: their length, text that they must not contain, and that each one is compiled and described.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, none, sources};

/// The most lines of a source file; a longer one usually contains two things.
const LONGEST: usize = 450;

fn rust(folder: &str) -> impl Iterator<Item = Source> {
    sources(folder).into_iter().filter(Source::is_rust)
}

#[test]
fn no_source_file_has_more_than_450_lines() {
    let long = |source: &Source| Some(source.text.lines().count()).filter(|lines| *lines > LONGEST);
    let files = ["src", "crates"].into_iter().flat_map(rust);
    let faults: Vec<String> = files.filter_map(|source| long(&source).map(|lines| format!("{}: {lines} lines", source.path))).collect();
    none(&faults, "a file of more than 450 lines usually contains two things");
}

#[test]
fn every_file_is_a_module_of_its_parent() {
    let mut faults = Vec::new();
    for folder in ["src", "tests/suite"] {
        let files: BTreeMap<String, String> = rust(folder).map(|source| (source.path.clone(), source.code())).collect();
        for path in files.keys() {
            let stem = path.trim_end_matches(".rs").trim_end_matches("/mod");
            let Some((parent, name)) = stem.rsplit_once('/') else { continue };
            if matches!(name, "lib" | "main") || stem == folder {
                continue;
            }
            let candidates = [format!("{parent}/mod.rs"), format!("{parent}.rs"), format!("{folder}/main.rs"), format!("{folder}/lib.rs")];
            let is_root = |candidate: &String| candidate.ends_with("/main.rs") || candidate.ends_with("/lib.rs");
            let declared = candidates.iter().filter(|candidate| !is_root(candidate) || parent == folder).any(|candidate| {
                files.get(candidate).is_some_and(|code| {
                    code.lines().any(|line| {
                        let line = line.trim().trim_end_matches(';');
                        line.strip_suffix(name).is_some_and(|before| before.trim_start().ends_with("mod ") || before == "mod ")
                    })
                })
            });
            if !declared {
                faults.push(path.clone());
            }
        }
    }
    none(&faults, "files that no module declares, so that they are not compiled");
}

#[test]
fn every_folder_has_a_map_of_its_files() {
    let files: Vec<Source> = ["src", "crates"].into_iter().flat_map(sources).collect();
    let mut faults = Vec::new();
    for map in files.iter().filter(|file| file.path.ends_with("/mod.rs") || file.path.ends_with("/lib.rs")) {
        let Some((folder, _)) = map.path.rsplit_once('/') else { continue };
        if folder.ends_with("/tests") {
            continue;
        }
        let described = described(&map.text);
        let below = files.iter().filter_map(|file| file.path.strip_prefix(folder)?.strip_prefix('/'));
        let names: BTreeSet<&str> = below.filter_map(name_in_map).collect();
        let missing = names.into_iter().filter(|name| !described.contains(name));
        faults.extend(missing.map(|name| format!("{} does not describe {name}", map.path)));
    }
    none(&faults, "the doc comment at the top of mod.rs or lib.rs is the map of its folder: it names every file and sub-folder");
}

/// Returns the name that a map must contain for a file below its folder: that of the source file or of its sub-folder.
fn name_in_map(path: &str) -> Option<&str> {
    let name = path.split_once('/').map_or_else(|| path.strip_suffix(".rs"), |(folder, _)| Some(folder))?;
    (!matches!(name, "lib" | "main" | "mod" | "tests")).then_some(name)
}

/// Returns the names that the doc comment at the top of a file puts in backticks, without `.rs` and `/`. Its code blocks do not count.
fn described(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut is_code = false;
    for line in text.lines().map_while(|line| line.strip_prefix("//!")) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            names.extend(line.split('`').skip(1).step_by(2).map(|name| name.trim_end_matches(".rs").trim_end_matches('/')));
        }
    }
    names
}

#[test]
fn a_map_describes_the_names_in_backticks() {
    let map = "//! A room.\n//!\n//! ```text\n//! `a` ─► b\n//! ```\n//! - [`c`] and `d/`, `e.rs`: f\n\nmod g; //! `h`\n";
    assert_eq!(described(map), BTreeSet::from(["c", "d", "e"]));
    let paths = ["a.rs", "b/mod.rs", "b/c.rs", "d/e.yaml", "f.yaml", "mod.rs", "lib.rs", "tests/g.rs"];
    let names: Vec<&str> = paths.into_iter().filter_map(name_in_map).collect();
    assert_eq!(names, ["a", "b", "b", "d"]);
}

#[test]
fn no_test_is_ignored() {
    let attribute = concat!("#[", "ignore");
    let faults: Vec<String> = ["src", "tests"]
        .into_iter()
        .flat_map(rust)
        .filter(|source| source.text.contains(attribute) && !source.path.starts_with("tests/suite/house/"))
        .map(|source| source.path)
        .collect();
    none(&faults, "a test that does not run proves nothing");
}

#[test]
fn every_dependency_has_a_reason() {
    let mut faults = Vec::new();
    for source in sources("").iter().filter(|source| source.path.ends_with("Cargo.toml")) {
        let mut section = "";
        let mut before = "";
        for line in source.text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
            } else if section.ends_with("dependencies]") && line.contains('=') && !line.starts_with('#') {
                let reason = before.starts_with("# ") || line.contains(" # ");
                if !reason {
                    faults.push(format!("{}: {line}", source.path));
                }
            }
            before = line;
        }
    }
    none(&faults, "a dependency needs a reason, in a comment above it or on its line");
}

#[test]
fn nothing_names_a_machine_or_a_mirror() {
    // Each is written in two parts, so that this file does not contain it.
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/"), concat!("/ho", "me/")];
    let hosts = [
        concat!("index.", "crates.io"),
        concat!("static.", "crates.io"),
        concat!("proxy.", "golang.org"),
        concat!("sum.", "golang.org"),
        concat!("registry.", "npmjs.org"),
        concat!("files.", "pythonhosted.org"),
        concat!("pypi", ".org"),
        concat!("repo1.", "maven.org"),
        concat!("deb.", "debian.org"),
    ];
    let mut faults = Vec::new();
    for source in sources("") {
        for (number, line) in source.text.lines().enumerate() {
            let named = hosts.iter().any(|host| line.contains(host)) || folders.iter().any(|folder| starts_a_path(line, folder));
            if named {
                faults.push(format!("{}:{}: {}", source.path, number + 1, line.trim().chars().take(100).collect::<String>()));
            }
        }
    }
    none(&faults, "a path on one machine, or the host of a package registry");
}

/// Returns whether a path in `line` begins with `folder`.
fn starts_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        !line[..at].ends_with(|before: char| before.is_ascii_alphanumeric() || matches!(before, '_' | '.' | '-' | '/' | '}' | ')'))
    })
}
