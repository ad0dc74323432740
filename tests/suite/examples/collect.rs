//! Collects the examples of help texts and Markdown files.

use std::fmt;
use std::fs;
use std::path::Path;

use super::shell::commands;
use crate::support::root;

/// The longest line of an example in a help text, in characters.
const LONGEST: usize = 98;

/// One command, with what it pipes to.
#[derive(Debug, Clone)]
pub(super) struct Example {
    /// The page or the help text.
    pub(super) place: String,
    /// The command.
    pub(super) text: String,
    /// Why the block of a page is not run.
    pub(super) not_run: Option<String>,
}

impl fmt::Display for Example {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: `{}`", self.place, self.text)
    }
}

/// Returns every example, those of one place together and in order.
pub(super) fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    let mut definition = netpol::cli::definition();
    definition.build();
    of_help(&definition, &mut examples);
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for (script, not_run) in blocks(&text) {
            examples.extend(commands(&script).into_iter().map(|text| Example { place: document.clone(), text, not_run: not_run.clone() }));
        }
    }
    examples
}

/// Returns the Markdown files for people, by their paths from the root of the package.
fn documents() -> Vec<String> {
    let mut found: Vec<String> = ["", "docs/", "certs/", "charts/abcdesktop-netpol/"]
        .into_iter()
        .flat_map(|folder| {
            let names = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names
                .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "md"))
                .map(move |name| format!("{folder}{name}"))
        })
        .collect();
    found.sort();
    found
}

fn of_help(command: &clap::Command, examples: &mut Vec<Example>) {
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    let place = format!("{} --help", command.get_bin_name().unwrap_or(command.get_name()));
    if let Some((_, block)) = help.split_once("Examples:\n") {
        let long: Vec<&str> = block.lines().filter(|line| line.chars().count() > LONGEST).collect();
        assert!(long.is_empty(), "{place}: a line of an example is wrapped; continue it with \\ or after |: {long:#?}");
        let is_title = |line: &&str| line.ends_with(':') && !line.starts_with("    ");
        let script: Vec<&str> = block.lines().filter(|line| !is_title(line)).map(str::trim_start).collect();
        examples.extend(commands(&script.join("\n")).into_iter().map(|text| Example { place: place.clone(), text, not_run: None }));
    }
    for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
        of_help(command, examples);
    }
}

/// Returns the scripts in the blocks of a Markdown file, and why each is not run.
fn blocks(text: &str) -> Vec<(String, Option<String>)> {
    let mut blocks = Vec::new();
    let mut before = "";
    let mut lines = text.lines().map(str::trim_start);
    while let Some(line) = lines.next() {
        let language = line.strip_prefix("```");
        if let Some(language) = language {
            let block: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            let script = match language {
                "sh" | "shell" | "bash" => Some(block.join("\n")),
                "console" => Some(prompted(&block)),
                _ => None,
            };
            let reason = before.strip_prefix("<!-- not run: ").and_then(|rest| rest.strip_suffix(" -->"));
            blocks.extend(script.map(|script| (script, reason.map(str::to_owned))));
        }
        before = line;
    }
    blocks
}

/// Returns the commands of a block with output.
fn prompted(block: &[&str]) -> String {
    let mut script = String::new();
    let mut is_command = false;
    for line in block {
        let command = line.strip_prefix("$ ");
        if is_command || command.is_some() {
            let text = command.unwrap_or(line);
            script.push_str(text);
            script.push('\n');
            is_command = text.ends_with('\\');
        }
    }
    script
}

#[test]
fn blocks_of_a_page_are_found() {
    let page = "a\n```sh\nb\nc\n```\n<!-- not run: d -->\n```console\n$ e \\\n  f\ng\n$ h\n```\n  ```json\n{}\n  ```\n";
    let found = blocks(page);
    assert_eq!(found, [("b\nc".to_owned(), None), ("e \\\nf\nh\n".to_owned(), Some("d".to_owned()))]);
    assert!(documents().iter().any(|document| document == "docs/audit.md"));
}
