//! Tables of `reach` for other programs: CSV and Markdown.

use std::io::{self, Write};

use super::matrix::Matrix;
use super::text::{cell, name};
use crate::analysis::PortSet;

/// Writes one line for each connection and protocol, in the form of RFC 4180.
pub(super) fn csv(matrix: &Matrix<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "from,to,protocol,ports,dependsOnPlugin")?;
    for (from, to, flow) in matrix.connections() {
        let mut lines = |ports: &PortSet, depends: bool| {
            ports.by_protocol().try_for_each(|(protocol, ports)| {
                writeln!(out, "{},{},{protocol},{},{depends}", quoted(&from.id), quoted(&to.id), quoted(&ports.join(" ")))
            })
        };
        lines(&flow.allowed, false)?;
        lines(&flow.depends, true)?;
    }
    Ok(())
}

/// Returns a field, in quotes if it has a character that has a meaning.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Writes a table with a row for each source and a column for each destination.
pub(super) fn markdown(matrix: &Matrix<'_>, out: &mut dyn Write) -> io::Result<()> {
    let titles = |indexes: &[usize]| -> Vec<String> { indexes.iter().map(|index| escaped(&name(matrix, *index))).collect() };
    writeln!(out, "| from \\ to | {} |", titles(&matrix.to).join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(matrix.to.len()))?;
    for (from, name) in matrix.from.iter().zip(titles(&matrix.from)) {
        let cells: Vec<String> = matrix.to.iter().map(|to| escaped(&cell(&matrix.flow(*from, *to)))).collect();
        writeln!(out, "| {name} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// Returns text in which nothing has a meaning in a table of Markdown.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '\\' | '#' | '~') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
