//! Graphs of `reach` for other programs: DOT of Graphviz and Mermaid. Endpoints without a connection are nodes too.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::matrix::Matrix;
use super::text::name;
use crate::analysis::PortSet;

/// Writes a directed graph for Graphviz. The edge of ports that depend is dashed.
pub(super) fn dot(matrix: &Matrix<'_>, out: &mut dyn Write) -> io::Result<()> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    writeln!(out, "digraph netpol {{")?;
    writeln!(out, "  rankdir=LR;")?;
    writeln!(out, "  node [shape=box];")?;
    for index in nodes(matrix) {
        writeln!(out, "  n{index} [label={}];", quoted(&name(matrix, index)))?;
    }
    edges(matrix, |from, to, ports, depends| {
        let style = if depends { ", style=dashed" } else { "" };
        writeln!(out, "  n{from} -> n{to} [label={}{style}];", quoted(&label(ports, depends)))
    })?;
    writeln!(out, "}}")
}

/// Writes a flowchart for Mermaid. The edge of ports that depend is dotted.
pub(super) fn mermaid(matrix: &Matrix<'_>, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "flowchart LR")?;
    for index in nodes(matrix) {
        writeln!(out, "  n{index}[\"{}\"]", escaped(&name(matrix, index)))?;
    }
    edges(matrix, |from, to, ports, depends| {
        let arrow = if depends { "-.->" } else { "-->" };
        writeln!(out, "  n{from} {arrow}|\"{}\"| n{to}", escaped(&label(ports, depends)))
    })
}

fn nodes(matrix: &Matrix<'_>) -> BTreeSet<usize> {
    matrix.from.iter().chain(&matrix.to).copied().collect()
}

fn label(ports: &PortSet, depends: bool) -> String {
    if depends { format!("depends: {ports}") } else { ports.to_string() }
}

/// Passes every connection to `edge`: the indexes of both ends, the ports, and whether these depend.
fn edges(matrix: &Matrix<'_>, mut edge: impl FnMut(usize, usize, &PortSet, bool) -> io::Result<()>) -> io::Result<()> {
    for (from, to, flow) in matrix.flows() {
        for (ports, depends) in [(&flow.allowed, false), (&flow.depends, true)] {
            if !ports.is_empty() {
                edge(from, to, ports, depends)?;
            }
        }
    }
    Ok(())
}

/// Returns text in which nothing has a meaning in a label of Mermaid.
fn escaped(text: &str) -> String {
    let of = |character: char| match character {
        '"' | '#' | '<' | '>' | '&' | '`' | '*' | '_' => format!("#{};", u32::from(character)),
        other => other.to_string(),
    };
    text.chars().map(of).collect()
}
