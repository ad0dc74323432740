//! The commands of the runbook.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::readme::anchor;
use crate::support::root;

/// A command in a `shell` block, with the anchor of its section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) section: String,
    pub(super) text: String,
}

/// The runbook, and the commands that have run.
pub(super) struct Book {
    pub(super) text: String,
    commands: Vec<Command>,
    done: RefCell<BTreeSet<String>>,
}

impl Book {
    pub(super) fn read() -> Book {
        let text = std::fs::read_to_string(root().join("docs/runbook.md")).expect("the runbook");
        Book { commands: commands(&text), text, done: RefCell::default() }
    }

    /// Returns the only command of a section that contains `words`, and notes that it runs. A newline at the end of `words` is the
    /// end of the command. The same command in another section has run too.
    #[track_caller]
    pub(super) fn take(&self, section: &str, words: &str) -> String {
        let found: Vec<&Command> =
            self.commands.iter().filter(|command| command.section == section && format!("{}\n", command.text).contains(words)).collect();
        let [command] = found.as_slice() else { panic!("{words:?} is not one command of #{section}: {found:#?}") };
        self.done.borrow_mut().insert(command.text.clone());
        command.text.clone()
    }

    /// Returns the commands that neither have run nor contain the words of a reason why they cannot, and the words that no such
    /// command contains.
    pub(super) fn unproven(&self, cannot_run: &[(&str, &str)]) -> Vec<String> {
        let done = self.done.borrow();
        let left: Vec<&Command> = self.commands.iter().filter(|command| !done.contains(&command.text)).collect();
        let is_listed = |command: &&&Command| cannot_run.iter().any(|(words, _)| command.text.contains(words));
        let unknown = left.iter().filter(|command| !is_listed(command)).map(|command| format!("#{}: {}", command.section, command.text));
        let stale = cannot_run.iter().filter(|(words, _)| !left.iter().any(|command| command.text.contains(words)));
        unknown.chain(stale.map(|(words, reason)| format!("no command contains {words:?} ({reason})"))).collect()
    }
}

/// Returns the commands of a Markdown text. A block can be indented, and a backslash continues a command on the next line.
fn commands(text: &str) -> Vec<Command> {
    let mut found: Vec<Command> = Vec::new();
    let mut section = String::new();
    let mut is_shell = false;
    let mut continues = false;
    for line in text.lines().map(str::trim) {
        if let Some(info) = line.strip_prefix("```") {
            is_shell = info == "shell";
        } else if is_shell {
            let (line, more) = line.strip_suffix('\\').map_or((line, false), |line| (line.trim_end(), true));
            match found.last_mut() {
                Some(last) if continues => last.text = format!("{} {line}", last.text),
                _ => found.push(Command { section: section.clone(), text: line.to_owned() }),
            }
            continues = more;
        } else if line.starts_with('#') {
            section = anchor(line);
        }
    }
    found
}

#[test]
fn commands_are_read_with_their_sections() {
    let text = "## A b\n```shell\none \\\n  two\n```\n1. x\n\n   ```shell\n   three\n   ```\n```yaml\nno: command\n```\n### `C`\n```shell\nfour\n```\n";
    let command = |section: &str, text: &str| Command { section: section.to_owned(), text: text.to_owned() };
    assert_eq!(commands(text), [command("a-b", "one two"), command("a-b", "three"), command("c", "four")]);
}

#[test]
fn a_command_that_neither_runs_nor_is_listed_is_found() {
    let command = |text: &str| Command { section: "s".to_owned(), text: text.to_owned() };
    let book = Book { text: String::new(), commands: vec![command("kubectl run"), command("kubectl logs")], done: RefCell::default() };
    assert_eq!(book.take("s", "run"), "kubectl run");
    assert_eq!(book.unproven(&[("logs", "no kubelet")]), [""; 0]);
    assert_eq!(book.unproven(&[]), ["#s: kubectl logs"]);
    assert_eq!(book.unproven(&[("logs", "no kubelet"), ("exec", "why")]), ["no command contains \"exec\" (why)"]);
}
