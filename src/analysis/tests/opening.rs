//! The change of labels that opens a connection, against every change of up to two labels.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{End, LabelChange, NamedPolicy, Noticed, PortSet, SideOf, Wish, changed, opening};
use super::{pods, policy};
use crate::policy::tests::model::{OWN, VALUES};
use crate::policy::tests::random::{run, spec};

/// Returns every change of one label.
fn every_change() -> Vec<LabelChange> {
    let of = |side: SideOf, key: &str| VALUES.map(|value| LabelChange { side, key: key.to_owned(), value: value.map(str::to_owned) });
    [SideOf::Source, SideOf::Destination].into_iter().flat_map(|side| [of(side, "a"), of(side, "b")]).flatten().collect()
}

fn labels(a: Option<&'static str>, b: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    [("a", a), ("b", b)].into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

#[test]
fn the_change_is_evaluated_and_none_is_smaller() {
    let [one, two, none] = [(); 3].map(|()| Cell::new(0));
    let ends = (select(&VALUES[..]), select(&VALUES[..]), select(&VALUES[..]), select(&VALUES[..]));
    run(1_500, &(vec(spec(), 1..5), ends), |(specs, (a, b, c, d))| {
        let policies: Vec<NamedPolicy> = specs.iter().map(|spec| policy(OWN, "p", spec)).collect();
        let (from, to) = (End::Pods(pods(OWN, &labels(a, b))), End::Pods(pods(OWN, &labels(c, d))));
        let port = PortSet::one("TCP", 80).unwrap();
        let wish = Wish { from: &from, to: &to, itself: false, ports: Some(&port) };
        let opens = |changes: &[&LabelChange]| port.is_subset(&changed(&policies, wish, changes).allowed);
        if opens(&[]) {
            return Ok(());
        }
        let all = every_change();
        let single = all.iter().any(|change| opens(&[change]));
        let double = || all.iter().any(|first| all.iter().any(|second| opens(&[first, second])));
        if let Some(found) = opening(&policies, &Noticed::by(&policies), wish, |_| Some(0)) {
            prop_assert!(opens(&found.iter().collect::<Vec<_>>()), "{:?} does not open it", found);
            prop_assert_eq!(found.len(), if single { 1 } else { 2 });
            let count = if single { &one } else { &two };
            count.set(count.get() + 1);
        } else {
            prop_assert!(!single && !double());
            none.set(none.get() + 1);
        }
        Ok(())
    });
    let counts = [one, two, none].map(Cell::into_inner);
    println!("opened by one label, by two labels, and by none: {counts:?}");
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}
