//! The README shows real output: the tests run its console blocks and compare its JSON response, and check its links.
//!
//! `NETPOL_BLESS=1 cargo test readme` updates the README.

use crate::support::command::{command, netpol};
use crate::support::root;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// Returns the README with the current output in every block.
fn rewritten(text: &str) -> String {
    let mut written = String::new();
    let mut lines = text.lines();
    let mut answer = None;
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        if let Some(file) = line.strip_prefix("<!-- answer: ").and_then(|rest| rest.strip_suffix(" -->")) {
            answer = Some(netpol(&["review", &format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))]).out);
        }
        let block = match line {
            "```json" => answer.take().map(|answer| answer.trim_end().to_owned() + "\n"),
            "```console" => {
                let prompt = lines.next().expect("a console block has a command");
                Some(format!("{prompt}\n{}", ran(prompt)))
            }
            _ => None,
        };
        if let Some(block) = block {
            written.push_str(&block);
            written.push_str("```\n");
            assert!(lines.any(|line| line == "```"), "a block has no end");
        }
    }
    written
}

/// Returns the output of a command in the README, run in the README's folder.
fn ran(prompt: &str) -> String {
    let words: Vec<&str> = prompt.strip_prefix("$ netpol ").expect("the command is netpol").split(' ').collect();
    let output = command(&words).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn blocks_of_the_readme_are_real_output() {
    let text = std::fs::read_to_string(README).unwrap();
    let written = rewritten(&text);
    if std::env::var_os("NETPOL_BLESS").is_some() {
        std::fs::write(README, &written).unwrap();
        return;
    }
    assert_eq!(text, written, "README.md is out of date: run NETPOL_BLESS=1 cargo test readme and review the change");
    assert_eq!(text.matches("```console").count(), 2);
}

/// Returns the anchor that GitHub gives to a heading.
pub(crate) fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|character| character.is_alphanumeric() || matches!(character, '-' | '_')).collect()
}

/// Returns the links of a Markdown file, by its path from the root of the package, whose file or heading is missing.
fn broken_links(file: &str) -> Vec<String> {
    let file = root().join(file);
    let text = std::fs::read_to_string(&file).unwrap();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let is_broken = |link: &&str| {
        let (path, heading) = link.split_once('#').unwrap_or((link, ""));
        let target = if path.is_empty() { file.clone() } else { file.parent().unwrap().join(path) };
        let has_heading = || std::fs::read_to_string(&target).unwrap().lines().any(|line| line.starts_with('#') && anchor(line) == heading);
        !target.exists() || !(heading.is_empty() || has_heading())
    };
    links.filter(|link| !link.starts_with("https:")).filter(is_broken).map(|link| format!("{}: {link}", file.display())).collect()
}

/// The documents for people, by their paths from the root of the package.
const DOCUMENTS: [&str; 18] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "certs/README.md",
    "charts/abcdesktop-netpol/README.md",
    "docs/analysis.md",
    "docs/audit.md",
    "docs/canon.md",
    "docs/commands.md",
    "docs/image.md",
    "docs/lint.md",
    "docs/performance.md",
    "docs/plugins.md",
    "docs/report.md",
    "docs/runbook.md",
    "docs/semantics.md",
    "docs/serving.md",
    "docs/threat-model.md",
];

#[test]
fn links_between_documents_lead_to_files_and_headings() {
    let broken: Vec<String> = DOCUMENTS.into_iter().flat_map(broken_links).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Collects the paths of all files and folders below `folder`, folders with a `/` at the end.
fn collect_paths(folder: &std::path::Path, paths: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if matches!(name, "target" | ".git" | "artifacts" | "corpus" | "node_modules") {
            continue;
        }
        let end = if path.is_dir() { "/" } else { "" };
        paths.push(format!("/{}{end}", path.strip_prefix(root()).unwrap().to_str().unwrap()));
        if path.is_dir() {
            collect_paths(&path, paths);
        }
    }
}

/// Returns whether a word in backticks names a file or folder of the package.
fn is_path(word: &str) -> bool {
    let folders = ["src/", "tests/", "docs/", "scripts/", "charts/", "benches/", "crates/", "fuzz/", ".ci/"];
    let is_in_package = folders.iter().any(|folder| word.starts_with(folder) && word.len() > folder.len());
    let is_plain = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_'));
    is_plain && !word.starts_with('/') && word != "netpol/" && (is_in_package || word.strip_suffix(".rs").is_some() || word.ends_with('/'))
}

#[test]
fn files_that_documents_name_exist() {
    let mut paths = Vec::new();
    collect_paths(root(), &mut paths);
    let mut missing = Vec::new();
    for file in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let words = text.split('`').skip(1).step_by(2).filter(|word| is_path(word));
        // A document may name a file from any folder above it: `spec.rs`, `policy/spec.rs`, `src/policy/spec.rs`.
        let exists =
            |word: &&str| paths.iter().any(|path| path.trim_end_matches('/').ends_with(&format!("/{}", word.trim_end_matches('/'))));
        missing.extend(words.filter(|word| !exists(word)).map(|word| format!("{file}: {word}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
