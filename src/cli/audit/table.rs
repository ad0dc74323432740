//! The lines of a log as a table.

use std::io::{self, Write};

use anstyle::Style;

use crate::audit::shown::ShownLine;
use crate::cli::output::{BAD, GOOD, NAME, WARN};

const HEADER: [&str; COLUMNS] = ["TIME", "VERDICT", "USER", "OPERATION", "OBJECT", "RULE", "REASON"];
const COLUMNS: usize = 7;
/// The index of the column whose cells have colors.
const VERDICT: usize = 1;
/// The index of the last column, which is not padded.
const REASON: usize = COLUMNS - 1;

/// The maximum width of a column but the last on a terminal, in characters. Longer cells are shortened.
const MAX_WIDTH: usize = 40;

/// The same elsewhere. Longer cells move the rest of their line.
const MAX_PLAIN_WIDTH: usize = 64;

/// The minimum width of the last column on a terminal.
const MIN_REASON: usize = 24;

/// The widths of most cells, for a table whose lines are not known in advance.
const USUAL: [usize; COLUMNS] = [20, 10, 24, 9, 40, 18, 0];

/// A table with the widths of its columns.
#[derive(Debug)]
pub(super) struct Table {
    widths: [usize; COLUMNS],
    /// The width of the terminal; `None` if the output is not a terminal, so that nothing is shortened.
    terminal: Option<usize>,
}

impl Table {
    /// Returns a table without lines.
    pub(super) fn new(terminal: Option<usize>) -> Table {
        Table { widths: HEADER.map(str::len), terminal }
    }

    /// Returns a table for lines that are not known yet.
    pub(super) fn of_usual_width(terminal: Option<usize>) -> Table {
        Table { widths: USUAL, terminal }
    }

    /// Makes the columns wide enough for a line.
    pub(super) fn fit(&mut self, line: &ShownLine<'_>) {
        let max = if self.terminal.is_some() { MAX_WIDTH } else { MAX_PLAIN_WIDTH };
        for (width, cell) in self.widths.iter_mut().zip(&cells(line)) {
            *width = (*width).max(cell.chars().count()).min(max);
        }
    }

    /// Writes the names of the columns.
    pub(super) fn write_header(&self, out: &mut dyn Write) -> io::Result<()> {
        self.write_row(&HEADER.map(str::to_owned), NAME, out)
    }

    /// Writes a line.
    pub(super) fn write(&self, line: &ShownLine<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.write_row(&cells(line), verdict_style(&line.verdict), out)
    }

    fn write_row(&self, cells: &[String; COLUMNS], style: Style, out: &mut dyn Write) -> io::Result<()> {
        let mut used = 0;
        for (index, (cell, width)) in cells.iter().zip(self.widths).enumerate() {
            if index == REASON {
                let room = self.terminal.map(|terminal| terminal.saturating_sub(used).max(MIN_REASON));
                return writeln!(out, "{}", start(cell, room));
            }
            let cell = if self.terminal.is_some() { end(cell, width) } else { cell.clone() };
            let style = if index == VERDICT { style } else { Style::new() };
            write!(out, "{style}{cell:<width$}{style:#}  ")?;
            used += cell.chars().count().max(width) + 2;
        }
        Ok(())
    }
}

fn cells(line: &ShownLine<'_>) -> [String; COLUMNS] {
    let or_dash = |text: &str| printable(if text.is_empty() { "-" } else { text });
    [
        format!("{:.0}", line.time),
        printable(&line.verdict),
        or_dash(&line.user),
        or_dash(&line.operation),
        or_dash(&object(line)),
        or_dash(line.rule.as_deref().unwrap_or_default()),
        or_dash(&reason(line)),
    ]
}

/// Returns `NAMESPACE/KIND/NAME`, with the subresource if there is one. The groups of Kubernetes itself are left out.
fn object(line: &ShownLine<'_>) -> String {
    let is_of_kubernetes = |group: &str| !group.contains('.') || group.ends_with(".k8s.io");
    let kind = line.kind.split_once('.').filter(|(_, group)| is_of_kubernetes(group)).map_or(&*line.kind, |(kind, _)| kind);
    let parts = [&*line.namespace, kind, &*line.name, line.subresource.as_deref().unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

fn reason(line: &ShownLine<'_>) -> String {
    let dry_run = if line.dry_run { "dry run: " } else { "" };
    let message = line.messages.first().map(|message| &**message).unwrap_or_default();
    let more = match line.messages.len() {
        0 | 1 => String::new(),
        2 => " (and 1 more message)".to_owned(),
        many => format!(" (and {} more messages)", many - 1),
    };
    let omitted = if line.omitted > 0 { format!(" (before it, {} without a line)", line.omitted) } else { String::new() };
    format!("{dry_run}{message}{more}{omitted}")
}

/// Returns text on one line, with characters escaped that could change what a terminal shows.
pub(super) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' | '\'' | '\\' => safe.push(letter),
            _ => safe.extend(letter.escape_debug()),
        }
    }
    safe
}

/// Returns the style of a verdict.
pub(super) fn verdict_style(verdict: &str) -> Style {
    match verdict {
        "allowed" => GOOD,
        "warned" | "softened" => WARN,
        _ => BAD,
    }
}

/// Returns the start of a text that is too long.
fn start(text: &str, room: Option<usize>) -> String {
    match room {
        Some(room) if text.chars().count() > room => text.chars().take(room.saturating_sub(1)).chain(['…']).collect(),
        _ => text.to_owned(),
    }
}

/// Returns the end of a text that is too long: long names differ at their ends.
fn end(text: &str, room: usize) -> String {
    match text.chars().count().checked_sub(room) {
        None | Some(0) => text.to_owned(),
        Some(excess) => ['…'].into_iter().chain(text.chars().skip(excess + 1)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &[u8]) -> ShownLine<'_> {
        serde_json::from_slice(text).unwrap()
    }

    fn written(table: &Table, line: &ShownLine<'_>) -> String {
        let mut out = anstream::StripStream::new(Vec::new());
        table.write_header(&mut out).unwrap();
        table.write(line, &mut out).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    const LONG: &[u8] =
        br#"{"time":"2026-11-27T16:16:10.9Z","verdict":"denied","rule":"binding","operation":"CREATE","kind":"Deployment.apps",
        "subresource":"scale","name":"d","namespace":"abcdesktop","user":"system:serviceaccount:kube-system:generic-garbage-collector",
        "dryRun":true,"messages":["a long sentence about a deployment","b"]}"#;

    #[test]
    fn a_terminal_shortens_what_is_too_long() {
        let line = line(LONG);
        let written = |terminal| {
            let mut table = Table::new(terminal);
            table.fit(&line);
            written(&table, &line)
        };
        insta::assert_snapshot!(written(Some(150)), @r"
        TIME                  VERDICT  USER                                      OPERATION  OBJECT                         RULE     REASON
        2026-11-27T16:16:10Z  denied   …t:kube-system:generic-garbage-collector  CREATE     abcdesktop/Deployment/d/scale  binding  dry run: a long sentence …
        ");
        insta::assert_snapshot!(written(None), @r"
        TIME                  VERDICT  USER                                                         OPERATION  OBJECT                         RULE     REASON
        2026-11-27T16:16:10Z  denied   system:serviceaccount:kube-system:generic-garbage-collector  CREATE     abcdesktop/Deployment/d/scale  binding  dry run: a long sentence about a deployment (and 1 more message)
        ");
    }

    #[test]
    fn a_line_cannot_change_what_a_terminal_shows() {
        let line =
            line(br#"{"time":"2026-11-27T16:16:10Z","verdict":"denied","user":"a\u001b[2K\nb\u202e\u009b","messages":["\"x\"\t\u0007"]}"#);
        let text = written(&Table::of_usual_width(None), &line);
        assert!(text.ends_with("\"x\"\\t\\u{7}\n") && text.contains(r"a\u{1b}[2K\nb\u{202e}\u{9b}"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }
}
