//! Where nodes and edges are drawn, in pixels.

use super::layers::{Layers, Slot, layers};

/// The width of a node.
pub(super) const WIDTH: i32 = 190;
/// The space between two layers: an edge with its ports.
const GAP: i32 = 120;
/// The space between two slots of a layer.
const SPACE: i32 = 18;
/// The height of the bend of an edge.
const BEND: i32 = 12;
/// The height of the name of a node, and of each further line.
pub(super) const NAME: i32 = 26;
pub(super) const LINE: i32 = 15;
/// The distance between edges at the side of a node.
const STEP: i32 = 15;
/// The space around the drawing.
pub(super) const MARGIN: i32 = 12;

/// A node or a bend, as its left upper corner and its height.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) height: i32,
}

/// A point.
pub(super) type Point = (i32, i32);

/// Where everything is drawn.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Place>,
    /// The points of each edge, from its source to its destination.
    pub(super) edges: Vec<Vec<Point>>,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// Returns where nodes with some further lines, and edges between them, are drawn.
pub(super) fn layout(lines: &[usize], edges: &[(usize, usize)]) -> Layout {
    let layers = layers(lines.len(), edges);
    let height = |slot: Slot| match slot {
        Slot::Bend(_) => BEND,
        Slot::Node(node) => {
            let own = NAME + LINE * number(lines.get(node).copied().unwrap_or_default());
            let sides = [true, false].map(|is_right| edges.iter().filter(|edge| at_side(&layers, **edge, node, is_right)).count());
            own.max(STEP * number(sides.into_iter().max().unwrap_or_default()) + STEP)
        }
    };
    let total = |slots: &Vec<Slot>| slots.iter().map(|slot| height(*slot) + SPACE).sum::<i32>();
    let tallest = layers.layers.iter().map(total).max().unwrap_or_default();
    let mut layout = Layout { nodes: vec![Place::default(); lines.len()], edges: Vec::new(), width: 0, height: tallest + 2 * MARGIN };
    let mut bends: Vec<Vec<Place>> = vec![Vec::new(); edges.len()];
    let mut left = MARGIN;
    for slots in &layers.layers {
        let mut top = MARGIN + (tallest - total(slots)) / 2;
        for slot in slots {
            let place = Place { left, top, height: height(*slot) };
            top += place.height + SPACE;
            match slot {
                Slot::Node(node) => layout.nodes.iter_mut().skip(*node).take(1).for_each(|known| *known = place),
                Slot::Bend(edge) => bends.iter_mut().skip(*edge).take(1).for_each(|known| known.push(place)),
            }
        }
        left += WIDTH + GAP;
    }
    layout.width = left - GAP + MARGIN;
    layout.edges = edges.iter().zip(&bends).map(|(edge, bends)| path(&layout.nodes, &layers, edges, *edge, bends)).collect();
    layout
}

/// Returns whether an edge touches a side of a node. Edges that go back leave on the left and arrive on the right.
fn at_side(layers: &Layers, (from, to): (usize, usize), node: usize, is_right: bool) -> bool {
    let layer = |node: usize| layers.of_node.get(node).copied().unwrap_or_default();
    let goes_right = layer(from) < layer(to);
    (from == node && goes_right == is_right) || (to == node && goes_right != is_right)
}

fn path(nodes: &[Place], layers: &Layers, edges: &[(usize, usize)], edge: (usize, usize), bends: &[Place]) -> Vec<Point> {
    let place = |node: usize| nodes.get(node).copied().unwrap_or_default();
    let (from, to) = edge;
    let goes_right = place(from).left < place(to).left;
    let mut points = vec![port(nodes, layers, edges, edge, (from, goes_right))];
    let bend = |place: &Place| {
        let (left, right) = ((place.left, place.top + BEND / 2), (place.left + WIDTH, place.top + BEND / 2));
        if goes_right { [left, right] } else { [right, left] }
    };
    if goes_right {
        points.extend(bends.iter().flat_map(bend));
    } else {
        points.extend(bends.iter().rev().flat_map(bend));
    }
    points.push(port(nodes, layers, edges, edge, (to, !goes_right)));
    points
}

/// Returns where an edge touches a side of a node: edges of a side are in the order of their other ends.
fn port(nodes: &[Place], layers: &Layers, edges: &[(usize, usize)], edge: (usize, usize), (node, is_right): (usize, bool)) -> Point {
    let place = nodes.get(node).copied().unwrap_or_default();
    let other = |(from, to): (usize, usize)| if from == node { to } else { from };
    let middle = |node: usize| nodes.get(node).map_or(0, |place| place.top + place.height / 2);
    let mut here: Vec<(i32, (usize, usize))> =
        edges.iter().filter(|edge| at_side(layers, **edge, node, is_right)).map(|edge| (middle(other(*edge)), *edge)).collect();
    // Two edges between the same nodes have the same order on both sides, so that they do not cross.
    here.sort_by_key(|(middle, (from, to))| (*middle, (*from).min(*to), from > to));
    let position = here.iter().position(|(_, found)| *found == edge).unwrap_or_default();
    let top = place.top + place.height * (number(position) + 1) / (number(here.len()) + 1);
    (if is_right { place.left + WIDTH } else { place.left }, top)
}

/// Returns a small number as the type of pixels.
fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX / 1024)
}
