//! `docs/commands.md` is what the commands say of themselves.

use std::fmt::Write as _;
use std::fs;

use crate::support::command::command;
use crate::support::root;

const COMMANDS: [&str; 14] = [
    "",
    "serve",
    "review",
    "check",
    "render",
    "render install",
    "render policies",
    "render registration",
    "audit",
    "audit verify",
    "certs",
    "certs issue",
    "certs show",
    "completions",
];

const HEAD: &str = "# Commands

What `netpol help COMMAND` prints, for those who look before they build. A test compares it:
`NETPOL_BLESS=1 cargo test reference` writes it anew.
";

fn help(of: &str) -> String {
    let mut arguments: Vec<&str> = of.split_whitespace().collect();
    arguments.push("--help");
    let output = command(&arguments).env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "netpol {of} --help: {}", String::from_utf8_lossy(&output.stderr));
    // Blank lines between a flag and its default hold the indentation.
    String::from_utf8(output.stdout).unwrap().lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_reference_is_what_the_commands_say() {
    let mut reference = HEAD.to_owned();
    for of in COMMANDS {
        let _ = write!(reference, "\n## `{}`\n\n```text\n{}\n```\n", format!("netpol {of}").trim_end(), help(of).trim_end());
    }
    let path = root().join("docs/commands.md");
    if std::env::var_os("NETPOL_BLESS").is_some() {
        fs::write(&path, &reference).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == reference, "docs/commands.md is old: NETPOL_BLESS=1 cargo test reference, and look at what changed");
}

#[test]
fn no_command_is_left_out_of_the_reference() {
    for of in COMMANDS {
        let text = help(of);
        let listed = text.split("\nCommands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        for name in listed.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
            let command = format!("{of} {name}");
            assert!(COMMANDS.contains(&command.trim_start()), "netpol {of} has a command {name}");
        }
    }
}
