//! The text and the Markdown output of `reach --diff`.

use std::io::{self, Write};

use super::super::tables::escaped;
use super::super::text::cell;
use super::changes::{Change, Changes, Kind};
use crate::cli::manifests::display::printable;
use crate::cli::output::{BAD, GOOD, WARN};

/// The kinds of changes, in the order of the output.
const KINDS: [(Kind, &str); 3] = [(Kind::Added, "added"), (Kind::Removed, "removed"), (Kind::Changed, "changed")];

/// Writes one line for each change, and their numbers.
pub(super) fn text(changes: &Changes, out: &mut dyn Write) -> io::Result<()> {
    for (kind, word) in KINDS {
        let style = match kind {
            Kind::Added => GOOD,
            Kind::Removed => BAD,
            Kind::Changed => WARN,
        };
        for Change { from, to, before, after, .. } in changes.of(kind) {
            let ports = match kind {
                Kind::Added => cell(after),
                Kind::Removed => cell(before),
                Kind::Changed => format!("{} => {}", cell(before), cell(after)),
            };
            writeln!(out, "{style}{word:<7}{style:#}  {} -> {}  {ports}", from.title, to.title)?;
        }
    }
    writeln!(out, "{} ({})", numbers(changes), names(changes))
}

/// Writes a table with a row for each change.
pub(super) fn markdown(changes: &Changes, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})", numbers(changes), escaped(&names(changes)))?;
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n| change | from | to | before | after |")?;
    writeln!(out, "|---|---|---|---|---|")?;
    for (kind, word) in KINDS {
        for Change { from, to, before, after, .. } in changes.of(kind) {
            let cells = [&from.title, &to.title, &cell(before), &cell(after)].map(|text| escaped(text));
            writeln!(out, "| {word} | {} |", cells.join(" | "))?;
        }
    }
    Ok(())
}

fn numbers(changes: &Changes) -> String {
    KINDS.map(|(kind, word)| format!("{} {word}", changes.of(kind).count())).join(", ")
}

fn names(changes: &Changes) -> String {
    changes.names.each_ref().map(|name| printable(name)).join(" -> ")
}
