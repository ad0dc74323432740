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
fn anchor(heading: &str) -> String {
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

#[test]
fn links_of_the_readme_lead_to_files_and_headings() {
    let broken = broken_links("README.md");
    assert!(broken.is_empty(), "{broken:#?}");
}
