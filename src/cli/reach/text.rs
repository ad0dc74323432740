//! The text output of `reach`: a table, or a list if the table is too wide.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::matrix::Matrix;
use crate::analysis::Flow;
use crate::cli::manifests::display::{Count, printable};
use crate::cli::output::{NAME, Streams, WARN};

/// The width of a table if the output is not a terminal.
const USUAL_WIDTH: usize = 120;

/// The cell of a pair without a connection.
const NOTHING: &str = "-";

pub(super) fn write(matrix: &Matrix<'_>, streams: &mut Streams) -> io::Result<()> {
    let width = if streams.is_terminal { terminal_width().unwrap_or(USUAL_WIDTH) } else { USUAL_WIDTH };
    let out = &mut streams.out;
    let rows = rows(matrix);
    let widths = widths(&rows);
    if widths.iter().map(|width| width + 2).sum::<usize>() <= width + 2 {
        for (index, row) in rows.iter().enumerate() {
            let style = if index == 0 { NAME } else { anstyle::Style::new() };
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(out, "{style}{}{style:#}", cells.join("  ").trim_end())?;
        }
    } else {
        write_list(matrix, out)?;
    }
    let connections: Vec<_> = matrix.connections().collect();
    let reasons: BTreeSet<_> = connections.iter().flat_map(|(.., flow)| &flow.reasons).collect();
    for reason in reasons {
        writeln!(out, "{WARN}depends{WARN:#}: {}", printable(&reason.to_string()))?;
    }
    let ends: BTreeSet<usize> = matrix.from.iter().chain(&matrix.to).copied().collect();
    writeln!(out, "{}, {} ({})", Count(ends.len(), "endpoint"), Count(connections.len(), "connection"), matrix.about)
}

/// Returns the cells of the table, with the names of columns and rows.
fn rows(matrix: &Matrix<'_>) -> Vec<Vec<String>> {
    let named = |index: &usize| name(matrix, *index);
    let mut rows = vec![std::iter::once("from \\ to".to_owned()).chain(matrix.to.iter().map(named)).collect()];
    for from in &matrix.from {
        let cells = matrix.to.iter().map(|to| cell(&matrix.flow(*from, *to)));
        rows.push(std::iter::once(named(from)).chain(cells).collect());
    }
    rows
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths = vec![0; rows.first().map_or(0, Vec::len)];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    widths
}

/// Writes each source with its connections below it.
fn write_list(matrix: &Matrix<'_>, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = matrix.to.iter().map(|index| name(matrix, *index)).collect();
    let width = names.iter().map(|name| name.chars().count()).filter(|width| *width <= USUAL_WIDTH / 2).max().unwrap_or_default();
    for from in &matrix.from {
        let flows: Vec<(&String, Flow)> = names.iter().zip(matrix.to.iter().map(|to| matrix.flow(*from, *to))).collect();
        let open = flows.iter().filter(|(_, flow)| !flow.is_empty());
        let nothing = if open.clone().next().is_none() { "  no connections" } else { "" };
        writeln!(out, "{NAME}{}{NAME:#}{nothing}", name(matrix, *from))?;
        for (name, flow) in open {
            writeln!(out, "  -> {name:<width$}  {}", cell(flow))?;
        }
    }
    Ok(())
}

/// Returns the ports of a connection in words: `TCP 80; depends: UDP 53`.
pub(super) fn cell(flow: &Flow) -> String {
    match (flow.allowed.is_empty(), flow.depends.is_empty()) {
        (true, true) => NOTHING.to_owned(),
        (false, true) => flow.allowed.to_string(),
        (true, false) => format!("depends: {}", flow.depends),
        (false, false) => format!("{}; depends: {}", flow.allowed, flow.depends),
    }
}

/// Returns the endpoint with an index in words: `shop/Pod/web-1 (+11)` for twelve pods.
pub(super) fn name(matrix: &Matrix<'_>, index: usize) -> String {
    let Some(endpoint) = matrix.endpoint(index) else { return String::new() };
    let more = matrix.pods.get(&endpoint.id).map_or(0, |pods| pods.len().saturating_sub(1));
    if more == 0 { endpoint.title() } else { format!("{} (+{more})", endpoint.title()) }
}

fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}
