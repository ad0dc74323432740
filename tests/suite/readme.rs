//! What the README shows is what happens: its console blocks are run, its answer is asked for.
//!
//! `NETPOL_BLESS=1 cargo test readme` writes the README anew.

use crate::support::command::{command, netpol};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// The README with every block as it would be written now.
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
            assert!(lines.any(|line| line == "```"), "a block that does not end");
        }
    }
    written
}

/// What a command of the README prints, run where the README lies.
fn ran(prompt: &str) -> String {
    let words: Vec<&str> = prompt.strip_prefix("$ netpol ").expect("a command of ours").split(' ').collect();
    let output = command(&words).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn its_blocks_are_what_the_program_prints() {
    let text = std::fs::read_to_string(README).unwrap();
    let written = rewritten(&text);
    if std::env::var_os("NETPOL_BLESS").is_some() {
        std::fs::write(README, &written).unwrap();
        return;
    }
    assert_eq!(text, written, "NETPOL_BLESS=1 cargo test readme, and look at what changed");
    assert_eq!(text.matches("```console").count(), 2);
}

#[test]
fn its_files_are_there() {
    let text = std::fs::read_to_string(README).unwrap();
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let missing: Vec<&str> =
        links.filter(|link| !link.starts_with("https:") && !std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
