use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::curve;
use super::layers::{Slot, layers};
use super::layout::{WIDTH, layout};

/// The number of nodes, and edges between different ones, each once.
fn graphs() -> impl Strategy<Value = (Vec<usize>, Vec<(usize, usize)>)> {
    (1..12_usize).prop_flat_map(|nodes| {
        let edges = vec((0..nodes, 0..nodes), 0..30);
        (vec(0..4_usize, nodes), edges).prop_map(|(lines, edges)| {
            let mut seen = BTreeSet::new();
            let edges = edges.into_iter().filter(|edge| edge.0 != edge.1 && seen.insert(*edge)).collect();
            (lines, edges)
        })
    })
}

proptest! {
    #[test]
    fn nodes_are_apart_and_edges_join_their_sides((lines, edges) in graphs()) {
        let drawn = layout(&lines, &edges);
        for (index, one) in drawn.nodes.iter().enumerate() {
            prop_assert!(one.left >= 0 && one.left + WIDTH <= drawn.width && one.top >= 0 && one.top + one.height <= drawn.height);
            for other in &drawn.nodes[index + 1..] {
                let is_apart = one.left + WIDTH < other.left || other.left + WIDTH < one.left;
                prop_assert!(is_apart || one.top + one.height < other.top || other.top + other.height < one.top, "{one:?} {other:?}");
            }
        }
        let mut ends = BTreeSet::new();
        for (points, (from, to)) in drawn.edges.iter().zip(&edges) {
            for (point, node) in [(points.first(), *from), (points.last(), *to)] {
                let (x, y) = *point.unwrap();
                let place = drawn.nodes[node];
                prop_assert!(x == place.left || x == place.left + WIDTH);
                prop_assert!(place.top < y && y < place.top + place.height);
                prop_assert!(ends.insert((x, y)), "two edges touch a node at one point");
            }
            prop_assert!(points.windows(2).all(|pair| pair[0].0 != pair[1].0), "an edge never goes straight up");
        }
    }

    #[test]
    fn each_node_and_bend_has_one_slot((lines, edges) in graphs()) {
        let found = layers(lines.len(), &edges);
        let slots: Vec<Slot> = found.layers.iter().flatten().copied().collect();
        for node in 0..lines.len() {
            prop_assert_eq!(slots.iter().filter(|slot| **slot == Slot::Node(node)).count(), 1);
            prop_assert!(found.layers[found.of_node[node]].contains(&Slot::Node(node)));
        }
        for (index, (from, to)) in edges.iter().enumerate() {
            let span = found.of_node[*from].abs_diff(found.of_node[*to]);
            prop_assert!(span > 0, "an edge within a layer");
            prop_assert_eq!(slots.iter().filter(|slot| **slot == Slot::Bend(index)).count(), span - 1);
        }
    }
}

#[test]
fn a_chain_goes_from_left_to_right_and_a_circle_turns_one_edge_around() {
    assert_eq!(layers(3, &[(2, 1), (1, 0)]).of_node, [2, 1, 0]);
    let circle = layers(3, &[(0, 1), (1, 2), (2, 0)]).of_node;
    assert_eq!(circle, [0, 1, 2]);
}

#[test]
fn a_path_is_level_at_its_points() {
    assert_eq!(curve(&[(0, 5), (10, 5), (30, 9)]), "M0 5 H10 C20 5 20 9 30 9");
}
