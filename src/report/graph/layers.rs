//! Nodes in layers, so that most edges go from left to right.

use std::collections::BTreeSet;

/// A place in a layer: a node, or a bend of an edge that passes the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// The index of a node.
    Node(usize),
    /// The index of an edge.
    Bend(usize),
}

/// Nodes in layers.
#[derive(Debug)]
pub(super) struct Layers {
    /// The slots of each layer, from top to bottom.
    pub(super) layers: Vec<Vec<Slot>>,
    /// The layer of each node.
    pub(super) of_node: Vec<usize>,
}

/// How often the order within layers is improved.
const SWEEPS: usize = 8;

/// Returns the layers of the nodes `0..nodes`. Edges are pairs of different nodes, each once.
pub(super) fn layers(nodes: usize, edges: &[(usize, usize)]) -> Layers {
    let order = order(nodes, edges);
    let mut rank = vec![0; nodes];
    for (position, node) in order.iter().enumerate() {
        set(&mut rank, *node, position);
    }
    // Edges that go back in the order are turned around, so that there is no circle.
    let forward: Vec<(usize, usize)> =
        edges.iter().map(|(from, to)| if at(&rank, *from) <= at(&rank, *to) { (*from, *to) } else { (*to, *from) }).collect();
    let mut of_node = vec![0; nodes];
    for node in &order {
        let before = forward.iter().filter(|(_, to)| to == node).map(|(from, _)| at(&of_node, *from) + 1).max();
        set(&mut of_node, *node, before.unwrap_or(0));
    }
    let count = of_node.iter().max().map_or(0, |last| last + 1);
    let mut layers: Vec<Vec<Slot>> = vec![Vec::new(); count];
    for node in order {
        if let Some(layer) = layers.get_mut(at(&of_node, node)) {
            layer.push(Slot::Node(node));
        }
    }
    for (index, (from, to)) in forward.iter().enumerate() {
        for layer in layers.iter_mut().take(at(&of_node, *to)).skip(at(&of_node, *from) + 1) {
            layer.push(Slot::Bend(index));
        }
    }
    let mut result = Layers { layers, of_node };
    result.sort(&forward);
    result
}

impl Layers {
    /// Orders the slots of each layer by the middle of their neighbors, from left to right and back, and keeps the order with the
    /// fewest crossings.
    fn sort(&mut self, forward: &[(usize, usize)]) {
        let mut best = (self.crossings(forward), self.layers.clone());
        for sweep in 0..SWEEPS {
            let is_right = sweep % 2 == 0;
            for step in 1..self.layers.len() {
                let layer = if is_right { step } else { self.layers.len() - 1 - step };
                let fixed = if is_right { layer - 1 } else { layer + 1 };
                let pairs = self.pairs(forward, layer.min(fixed));
                let middle = |slot: usize| {
                    let of = |(left, right): &(usize, usize)| {
                        if is_right { (*right == slot).then_some(*left) } else { (*left == slot).then_some(*right) }
                    };
                    let near: Vec<usize> = pairs.iter().filter_map(of).collect();
                    // Twice the mean, times a constant, as a whole number: the result must not depend on rounding.
                    if near.is_empty() { slot * 1000 } else { near.iter().sum::<usize>() * 1000 / near.len() }
                };
                let Some(slots) = self.layers.get(layer) else { continue };
                let mut ordered: Vec<(usize, Slot)> = slots.iter().enumerate().map(|(index, slot)| (middle(index), *slot)).collect();
                ordered.sort_by_key(|(middle, _)| *middle);
                if let Some(slots) = self.layers.get_mut(layer) {
                    *slots = ordered.into_iter().map(|(_, slot)| slot).collect();
                }
            }
            let crossings = self.crossings(forward);
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    /// Returns the parts of edges between a layer and the next one, as positions in both.
    fn pairs(&self, forward: &[(usize, usize)], left: usize) -> Vec<(usize, usize)> {
        let position = |layer: usize, slot: Slot| self.layers.get(layer).and_then(|slots| slots.iter().position(|found| *found == slot));
        let end = |node: usize, edge: usize, layer: usize| {
            let slot = if at(&self.of_node, node) == layer { Slot::Node(node) } else { Slot::Bend(edge) };
            position(layer, slot)
        };
        let pairs = forward.iter().enumerate().filter_map(|(edge, (from, to))| Some((end(*from, edge, left)?, end(*to, edge, left + 1)?)));
        pairs.collect()
    }

    fn crossings(&self, forward: &[(usize, usize)]) -> usize {
        let count = |left: usize| {
            let pairs = self.pairs(forward, left);
            let cross = |a: &(usize, usize), b: &(usize, usize)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1);
            let all = pairs.iter().enumerate();
            all.map(|(index, pair)| pairs.iter().skip(index + 1).filter(|other| cross(pair, other)).count()).sum::<usize>()
        };
        (0..self.layers.len().saturating_sub(1)).map(count).sum()
    }
}

/// Returns the nodes in an order in which few edges go back: first those without a caller, last those that call nothing, and
/// in between the ones that call the most (Eades, Lin and Smyth, 1993).
fn order(nodes: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut left: BTreeSet<usize> = (0..nodes).collect();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    while !left.is_empty() {
        let out = |node: usize| edges.iter().filter(|(from, to)| *from == node && left.contains(to)).count();
        let into = |node: usize| edges.iter().filter(|(from, to)| *to == node && left.contains(from)).count();
        let next = if let Some(sink) = left.iter().copied().find(|node| out(*node) == 0) {
            tail.push(sink);
            sink
        } else {
            let source = left.iter().copied().find(|node| into(*node) == 0);
            // `max_by_key` returns the last of several, and the first is wanted.
            let surplus = |node: &usize| out(*node) + nodes - into(*node);
            let chosen = source.or_else(|| left.iter().rev().copied().max_by_key(surplus)).unwrap_or_default();
            head.push(chosen);
            chosen
        };
        left.remove(&next);
    }
    head.extend(tail.into_iter().rev());
    head
}

fn at(list: &[usize], index: usize) -> usize {
    list.get(index).copied().unwrap_or_default()
}

fn set(list: &mut [usize], index: usize, value: usize) {
    if let Some(place) = list.get_mut(index) {
        *place = value;
    }
}
