//! The plan step by step, without chaos.

use std::time::{Duration, SystemTime};

use crate::certificates::plan::{SETTLE, Step, View, Wanted, plan, same};
use crate::certificates::steps::take;
use crate::certificates::stored::{Request, Stored};
use crate::certificates::trust::{Ca, Untrusted, verify};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn wanted() -> Wanted {
    Wanted { names: vec!["netpol.system.svc".to_owned(), "::1".to_owned()], ca_life: DAY * 365, leaf_life: DAY * 30 }
}

/// A Secret, one registration, and a time.
struct One {
    wanted: Wanted,
    stored: Stored,
    published: Vec<Vec<Ca>>,
    now: SystemTime,
}

impl One {
    fn new() -> One {
        One { wanted: wanted(), stored: Stored::absent(), published: vec![Vec::new()], now: SystemTime::UNIX_EPOCH + DAY * 20_000 }
    }

    fn view(&self, seen_for: Duration, serving: bool) -> View<'_> {
        View { stored: &self.stored, published: &self.published, seen_for, serving, now: self.now }
    }

    fn next(&self) -> Step {
        plan(&self.wanted, &self.view(Duration::ZERO, true))
    }

    /// Takes a step, through what a Secret would keep of it.
    fn take(&mut self, step: Step) {
        if step == Step::Publish {
            self.published.fill(self.stored.bundle.clone());
        } else if let Some(stored) = take(step, &self.wanted, &self.view(SETTLE, true)).unwrap() {
            let data = stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
            self.stored = Stored::read("ns/name", &data, Some(&stored.written_trust()), stored.request);
        }
    }

    /// Goes on until all is well, waiting where it must; answers the steps.
    fn settle(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            let step = plan(&self.wanted, &self.view(SETTLE, true));
            if step == Step::Rest {
                return steps;
            }
            self.take(step);
            steps.push(step);
            assert!(steps.len() < 12, "it goes on for ever: {steps:?}");
        }
    }

    fn signing(&self) -> Ca {
        self.stored.signing.as_ref().unwrap().ca.clone()
    }

    fn settled() -> One {
        let mut one = One::new();
        one.settle();
        one
    }
}

#[test]
fn at_first_a_ca_is_made_known_before_it_signs() {
    let mut one = One::new();
    assert_eq!(one.settle(), [Step::Introduce, Step::Publish, Step::Promote]);
    let leaf = &one.stored.leaf.as_ref().unwrap().pair;
    assert_eq!(leaf.not_after, one.now + DAY * 30);
    assert_eq!(one.signing().not_after, one.now + DAY * 365);
    assert_eq!(verify(leaf, &one.published[0], Some("netpol.system.svc"), one.now), Ok(()));
    assert_eq!(verify(leaf, &one.published[0], Some("::1"), one.now), Ok(()));
    assert_eq!(verify(leaf, &one.published[0], Some("other.system.svc"), one.now), Err(Untrusted::OtherName));
    assert_eq!(verify(leaf, &One::settled().published[0], None, one.now), Err(Untrusted::Stranger));
    assert_eq!(verify(leaf, &[], None, one.now), Err(Untrusted::NoCa));
    assert_eq!(verify(leaf, &one.published[0], None, one.now + DAY * 31), Err(Untrusted::Expired));
    assert_eq!(verify(leaf, &one.published[0], None, one.now - DAY), Err(Untrusted::TooEarly));
}

#[test]
fn where_nothing_is_registered_nothing_is_waited_for() {
    let mut one = One::new();
    one.published.clear();
    assert_eq!(one.settle(), [Step::Introduce, Step::Promote]);
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life() {
    let mut one = One::settled();
    let (ca, cert) = (one.signing(), one.stored.leaf.as_ref().unwrap().cert.clone());
    one.now += DAY * 19;
    assert_eq!(one.next(), Step::Rest);
    one.now += DAY;
    assert_eq!(one.settle(), [Step::Sign]);
    assert_eq!(one.signing(), ca);
    assert_ne!(one.stored.leaf.as_ref().unwrap().cert, cert);
}

#[test]
fn a_ca_changes_at_two_thirds_of_its_life_and_the_old_one_stays_until_its_last_certificate_has_expired() {
    let mut one = One::settled();
    let old = one.signing();
    one.now += DAY * 230;
    assert_eq!(one.settle(), [Step::Sign]);
    let last = one.stored.leaf.as_ref().unwrap().pair.clone();
    one.now += DAY * 14;
    assert_eq!(one.next(), Step::Introduce);
    one.take(Step::Introduce);
    assert_eq!(one.next(), Step::Publish);
    one.take(Step::Publish);
    assert_eq!(one.next(), Step::Wait, "API servers learn of it one by one");
    assert_eq!(one.signing(), old, "it does not sign yet");
    let nearly = SETTLE.saturating_sub(Duration::from_millis(1));
    assert_eq!(plan(&one.wanted, &one.view(nearly, true)), Step::Wait);
    assert_eq!(plan(&one.wanted, &one.view(Duration::ZERO, false)), Step::Promote, "unless there is nobody to be disturbed");
    assert_eq!(one.settle(), [Step::Promote]);
    assert_ne!(one.signing(), old);
    assert_eq!(verify(&last, &one.published[0], None, one.now), Ok(()), "who serves the old certificate is trusted");
    one.now = last.not_after - Duration::from_secs(1);
    assert!(one.settle().iter().all(|step| *step == Step::Sign));
    assert!(one.published[0].contains(&old));
    one.now = last.not_after;
    assert_eq!(one.settle(), [Step::Prune, Step::Publish]);
    assert_eq!(one.published[0], [one.signing()]);
}

#[test]
fn a_request_is_done_once() {
    let mut one = One::settled();
    let ca = one.signing();
    one.stored.request = Some(Request::Leaf);
    assert_eq!(one.settle(), [Step::Sign]);
    assert_eq!((one.stored.request, one.signing()), (None, ca.clone()));
    one.stored.request = Some(Request::Ca);
    assert_eq!(one.settle(), [Step::Introduce, Step::Publish, Step::Promote]);
    assert_eq!(one.stored.request, None);
    assert_ne!(one.signing(), ca);
}

#[test]
fn other_names_need_another_certificate() {
    let mut one = One::settled();
    one.wanted.names.push("netpol.system.svc.cluster.local".to_owned());
    assert_eq!(one.settle(), [Step::Sign]);
    one.wanted.names.rotate_left(1);
    assert_eq!(one.next(), Step::Rest, "in whatever order");
}

#[test]
fn a_bundle_that_somebody_wrote_over_is_written_again() {
    let mut one = One::settled();
    one.published = vec![Vec::new(), one.published[0].clone()];
    assert_eq!(one.next(), Step::Publish);
    one.published = vec![One::settled().published[0].clone()];
    one.stored.request = Some(Request::Leaf);
    assert_eq!(one.next(), Step::Publish, "and nothing is signed that nobody would trust");
    assert_eq!(one.settle(), [Step::Publish, Step::Sign]);
}

/// A right to patch registrations that is lacking must not let certificates run out that are trusted.
#[test]
fn a_certificate_is_renewed_while_a_new_bundle_cannot_be_published() {
    let mut one = One::settled();
    one.stored.request = Some(Request::Ca);
    one.take(Step::Introduce);
    one.now += DAY * 25;
    assert_eq!(one.next(), Step::Sign);
    one.take(Step::Sign);
    assert_eq!(one.next(), Step::Publish);
}

#[test]
fn a_certificate_never_outlives_its_ca() {
    let mut one = One::settled();
    one.take(Step::Sign);
    one.now += DAY * 350;
    one.take(Step::Sign);
    assert_eq!(one.stored.leaf.as_ref().unwrap().pair.not_after, one.signing().not_after);
    // And one that would live no longer is not issued over and over.
    one.now += DAY * 14;
    one.stored.next = Some(one.stored.signing.clone().unwrap());
    assert_ne!(one.next(), Step::Sign);
}

#[test]
fn a_machine_that_slept_past_everything_starts_anew() {
    for slept in [31, 300, 366, 5000] {
        let mut one = One::settled();
        one.now += DAY * slept;
        one.settle();
        let leaf = &one.stored.leaf.as_ref().unwrap().pair;
        assert_eq!(verify(leaf, &one.published[0], None, one.now), Ok(()), "{slept} days");
    }
}

#[test]
fn a_clock_that_was_turned_back_is_followed() {
    let mut one = One::settled();
    let leaf = one.stored.leaf.as_ref().unwrap().pair.clone();
    one.now -= DAY * 10;
    one.settle();
    let earlier = &one.stored.leaf.as_ref().unwrap().pair;
    assert_eq!(verify(earlier, &one.published[0], None, one.now), Ok(()));
    assert_eq!(verify(&leaf, &one.published[0], None, one.now + DAY * 10), Ok(()), "it may be turned forward again");
}

#[test]
fn a_next_ca_that_came_to_nothing_makes_way() {
    let mut one = One::settled();
    one.stored.request = Some(Request::Ca);
    one.take(Step::Introduce);
    let never = one.stored.next.as_ref().unwrap().ca.clone();
    // Nobody published it for longer than it lives.
    one.now += DAY * 400;
    one.settle();
    assert!(!one.stored.bundle.contains(&never));
}

#[test]
fn what_is_lost_is_taken_back_from_what_was_published_but_not_for_ever() {
    let mut one = One::settled();
    let (old, leaf) = (one.signing(), one.stored.leaf.as_ref().unwrap().pair.clone());
    one.stored = Stored::absent();
    assert_eq!(one.settle(), [Step::Introduce, Step::Publish, Step::Promote]);
    assert_eq!(verify(&leaf, &one.published[0], None, one.now), Ok(()), "whoever serves it goes on");
    assert!(one.stored.until[&old.fingerprint] <= one.now + DAY * 60);
    one.now += DAY * 61;
    one.settle();
    assert!(!one.stored.bundle.contains(&old));
}

#[test]
fn a_bundle_that_lost_a_ca_unseen_is_taken_as_damaged() {
    let mut one = One::settled();
    one.stored.request = Some(Request::Ca);
    one.settle();
    let mut data: std::collections::BTreeMap<String, Vec<u8>> =
        one.stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
    let whole = one.stored.bundle.clone();
    // Two of one length, cut in the middle: what is left is a whole certificate.
    data.insert("ca.crt".to_owned(), one.signing().pem().into_bytes());
    one.stored = Stored::read("ns/name", &data, Some(&one.stored.written_trust()), None);
    assert_eq!(one.settle(), [Step::Mend]);
    assert!(same(&one.stored.bundle, &whole));
}

/// As a flipped byte leaves it: readable, with the right key, and trusted by nobody.
#[test]
fn a_ca_that_was_changed_is_not_taken_for_one() {
    let mut one = One::settled();
    let mut der = one.signing().der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let changed = Ca::from_der(der.into()).expect("it is readable");
    assert!(one.signing().is_intact() && !changed.is_intact());
    let mut data: std::collections::BTreeMap<String, Vec<u8>> =
        one.stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
    data.insert("ca.crt".to_owned(), changed.pem().into_bytes());
    one.stored = Stored::read("ns/name", &data, Some(&one.stored.written_trust()), None);
    one.settle();
    assert!(!one.stored.bundle.contains(&changed));
}
