//! `docs/commands.md` is the help of every command.

use std::fmt::Write as _;
use std::fs;

use crate::support::command::command;
use crate::support::root;

const COMMANDS: [&str; 23] = [
    "",
    "serve",
    "review",
    "controller",
    "check",
    "render",
    "render canon",
    "canon",
    "canon diff",
    "reach",
    "explain",
    "lint",
    "report",
    "render install",
    "render policies",
    "render registration",
    "audit",
    "audit show",
    "audit verify",
    "certs",
    "certs issue",
    "certs show",
    "completions",
];

const HEAD: &str = "# Commands

The output of `netpol help COMMAND` for every command. A test keeps this page up to date:
`NETPOL_BLESS=1 cargo test reference` rewrites it.
";

fn help(of: &str) -> String {
    let mut arguments: Vec<&str> = of.split_whitespace().collect();
    arguments.push("--help");
    let output = command(&arguments).env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "netpol {of} --help: {}", String::from_utf8_lossy(&output.stderr));
    // Blank lines between a flag and its default contain the indentation.
    String::from_utf8(output.stdout).unwrap().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_is_the_help_of_the_commands() {
    let mut reference = HEAD.to_owned();
    for of in COMMANDS {
        let _ = write!(reference, "\n## `{}`\n\n```text\n{}\n```\n", format!("netpol {of}").trim_end(), help(of).trim_end());
    }
    let path = root().join("docs/commands.md");
    if std::env::var_os("NETPOL_BLESS").is_some() {
        fs::write(&path, &reference).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == reference, "docs/commands.md is out of date: run NETPOL_BLESS=1 cargo test reference and review the changes");
}

#[test]
fn the_reference_has_every_command() {
    for of in COMMANDS {
        let text = help(of);
        let listed = text.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        for name in listed.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
            let command = format!("{of} {name}");
            assert!(COMMANDS.contains(&command.trim_start()), "netpol {of} has a command {name}");
        }
    }
}
