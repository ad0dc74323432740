//! The graph of the connections inside, as SVG.
//!
//! - `layers` puts nodes into layers and orders them; `layout` computes where everything is drawn.

mod layers;
mod layout;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use maud::{Markup, html};

use super::model::{Model, in_words, short};
use super::text::{Text, count, shortened};
use crate::analysis::{End, Flow};
use layout::{LINE, NAME, Place, Point, WIDTH, layout};

/// The most nodes and edges that are drawn: more cannot be told apart.
const MOST_NODES: usize = 40;
const MOST_EDGES: usize = 100;

/// The most characters of a line in a node, and of the ports at an edge.
const MOST_LETTERS: usize = 26;
const MOST_PORTS: usize = 2;

/// A node: a group, its badges, and whether an edge touches it.
struct Node {
    group: usize,
    badges: Vec<String>,
}

pub(super) fn graph(model: &Model<'_>) -> Markup {
    let inside: Vec<usize> = (0..model.groups.len()).filter(|group| !model.is_outside(*group)).collect();
    let edges: Vec<(usize, usize, &Flow)> =
        model.open().filter(|(from, to, _)| from != to && !model.is_outside(*from) && !model.is_outside(*to)).collect();
    html! {
        section aria-labelledby="graph" {
            h2 id="graph" { "Graph" }
            @if inside.len() > MOST_NODES || edges.len() > MOST_EDGES {
                p.hint {
                    (count(inside.len(), "endpoint")) " and " (count(edges.len(), "connection")) " are too many to draw (at most "
                    (MOST_NODES) " and " (MOST_EDGES) "). The entries of each endpoint list the same."
                }
            } @else if edges.is_empty() {
                p.hint { "There is no connection between different endpoints inside." }
            } @else {
                p.hint {
                    "Connections inside. Lines at the bottom of a box are connections of the endpoint with its own kind (↻), from outside (◂) and to "
                    "outside (▸). A dashed line depends on what netpol does not know. The matrix and the entries of the endpoints say the same."
                }
                (drawing(model, &inside, &edges))
            }
        }
    }
}

fn drawing(model: &Model<'_>, inside: &[usize], edges: &[(usize, usize, &Flow)]) -> Markup {
    let is_connected = |group: &usize| edges.iter().any(|(from, to, _)| from == group || to == group);
    let node = |group: &usize| Node { group: *group, badges: badges(model, *group) };
    let nodes: Vec<Node> = inside.iter().filter(|group| is_connected(group)).map(node).collect();
    let alone: Vec<Node> = inside.iter().filter(|group| !is_connected(group)).map(node).collect();
    let index = |group: usize| nodes.iter().position(|node| node.group == group).unwrap_or_default();
    let pairs: Vec<(usize, usize)> = edges.iter().map(|(from, to, _)| (index(*from), index(*to))).collect();
    let lines: Vec<usize> = nodes.iter().map(|node| node.badges.len()).collect();
    let drawn = layout(&lines, &pairs);
    let summary = edges.iter().map(|(from, to, flow)| format!("{} to {}: {}", model.title(*from), model.title(*to), in_words(flow)));
    let summary = summary.collect::<Vec<_>>().join("; ");
    let size = format!("0 0 {} {}", drawn.width, drawn.height);
    html! {
        div.wide role="region" aria-labelledby="graph" tabindex="0" {
            svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="graph-title graph-text" viewBox=(size) width=(drawn.width) height=(drawn.height) {
                title id="graph-title" { "Connections inside" }
                desc id="graph-text" { (Text(&summary)) "." }
                defs {
                    marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" {
                        path.head d="M0 0.5 L8 4 L0 7.5 z" {}
                    }
                }
                @for (points, (.., flow)) in drawn.edges.iter().zip(edges) { (line(points, flow)) }
                @for (node, place) in nodes.iter().zip(&drawn.nodes) { (boxed(model, node, *place)) }
                @for (points, (.., flow)) in drawn.edges.iter().zip(edges) { (ports(points, flow)) }
            }
        }
        @if !alone.is_empty() {
            p { "Without a connection to another endpoint inside: " (apart(model, &alone)) "." }
        }
    }
}

fn apart(model: &Model<'_>, alone: &[Node]) -> Markup {
    html! {
        @for (position, node) in alone.iter().enumerate() {
            @if position > 0 { "; " }
            bdi { (Text(model.title(node.group))) }
            @if !node.badges.is_empty() { " (" (node.badges.join(", ")) ")" }
        }
    }
}

fn line(points: &[Point], flow: &Flow) -> Markup {
    let class = if flow.allowed.is_empty() { "line may" } else { "line" };
    html! { path class=(class) d=(curve(points)) marker-end="url(#arrow)" {} }
}

/// Returns a smooth path: level at each point.
fn curve(points: &[Point]) -> String {
    let mut path = String::new();
    let mut before: Option<Point> = None;
    for (x, y) in points {
        // Writing to a string cannot fail.
        let _ = match before {
            None => write!(path, "M{x} {y}"),
            Some((_, from)) if from == *y => write!(path, " H{x}"),
            Some((from_x, from_y)) => write!(path, " C{0} {from_y} {0} {y} {x} {y}", i32::midpoint(from_x, *x)),
        };
        before = Some((*x, *y));
    }
    path
}

/// Returns the ports of an edge, at its end: there the edges of a node are apart.
fn ports(points: &[Point], flow: &Flow) -> Markup {
    let mut last = points.iter().rev();
    let (Some((x, y)), Some((before, _))) = (last.next(), last.next()) else { return html! {} };
    let (anchor, x) = if before < x { ("end", x - 12) } else { ("start", x + 12) };
    html! { text.ports x=(x) y=(y - 3) text-anchor=(anchor) { (short(flow, MOST_PORTS)) } }
}

fn boxed(model: &Model<'_>, node: &Node, place: Place) -> Markup {
    let Place { left, top, height } = place;
    let text = left + 10;
    let first = top + (height - NAME - LINE * i32::try_from(node.badges.len()).unwrap_or_default()) / 2 + 17;
    html! {
        rect.box x=(left) y=(top) width=(WIDTH) height=(height) rx="3" {}
        text.name x=(text) y=(first) { (Text(&shortened(model.title(node.group), MOST_LETTERS - 5))) }
        @for (badge, number) in node.badges.iter().zip(1..) { text.badge x=(text) y=(first + LINE * number) { (Text(badge)) } }
    }
}

/// Returns the connections of a group with itself and with outside, in a few words each.
fn badges(model: &Model<'_>, group: usize) -> Vec<String> {
    let outside: Vec<usize> = (0..model.groups.len()).filter(|other| model.is_outside(*other)).collect();
    let flows = |pair: fn(usize, usize) -> (usize, usize)| {
        let flow = |other: &usize| {
            let (from, to) = pair(group, *other);
            model.flow(from, to).filter(|flow| !flow.is_empty()).map(|flow| (*other, flow))
        };
        outside.iter().filter_map(flow).collect::<Vec<_>>()
    };
    let itself = model.flow(group, group).filter(|flow| !flow.is_empty()).map(|flow| format!("↻ {}", short(flow, MOST_PORTS)));
    let from = badge(model, "◂", &flows(|group, other| (other, group)), &outside);
    let to = badge(model, "▸", &flows(|group, other| (group, other)), &outside);
    itself.into_iter().chain(from).chain(to).map(|badge| shortened(&badge, MOST_LETTERS)).collect()
}

fn badge(model: &Model<'_>, sign: &str, flows: &[(usize, &Flow)], outside: &[usize]) -> Option<String> {
    let ((first, flow), others) = flows.split_first()?;
    let is_address = |group: &usize| model.groups.get(*group).is_some_and(|group| matches!(group.endpoint.end, End::Addresses(_)));
    let has = |wanted: &dyn Fn(&usize) -> bool| {
        let mut all = outside.iter().filter(|group| wanted(group)).peekable();
        all.peek().is_some() && all.all(|group| flows.iter().any(|(found, _)| found == group))
    };
    let is_same = others.iter().all(|(_, other)| other.allowed == flow.allowed && other.depends == flow.depends);
    let ports = if is_same { format!(" {}", short(flow, MOST_PORTS)) } else { String::new() };
    let who = if has(&|_| true) {
        "anyone".to_owned()
    } else if has(&is_address) {
        "any address".to_owned()
    } else if others.is_empty() {
        shortened(model.title(*first), MOST_LETTERS.saturating_sub(ports.len() + 2))
    } else {
        format!("{} outside", flows.len())
    };
    Some(format!("{sign} {who}{ports}"))
}
