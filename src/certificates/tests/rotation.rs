//! The plan step by step: one replica, no interruptions.

use std::time::{Duration, SystemTime};

use crate::certificates::apply::apply;
use crate::certificates::authority::Authority;
use crate::certificates::introduced::Introduced;
use crate::certificates::plan::{SETTLE, Step, View, Wanted, plan};
use crate::certificates::stored::{MAX_CAS, Renewal, Stored};
use crate::certificates::trust::{Ca, Untrusted, same_cas, verify};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn wanted() -> Wanted {
    Wanted { names: vec!["netpol.system.svc".to_owned(), "::1".to_owned()], ca_life: DAY * 365, leaf_life: DAY * 30 }
}

/// A cluster with a Secret, one webhook configuration, and a clock.
struct Cluster {
    wanted: Wanted,
    stored: Stored,
    published: Vec<Vec<Ca>>,
    introduced: Introduced,
    now: SystemTime,
}

impl Cluster {
    fn new() -> Cluster {
        Cluster {
            wanted: wanted(),
            stored: Stored::absent(),
            published: vec![Vec::new()],
            introduced: Introduced::default(),
            now: SystemTime::UNIX_EPOCH + DAY * 20_000,
        }
    }

    fn view(&self, published_for: Duration, is_serving_trusted: bool) -> View<'_> {
        View {
            stored: &self.stored,
            published: &self.published,
            introduced: &self.introduced,
            published_for,
            is_serving_trusted,
            now: self.now,
        }
    }

    fn next(&self) -> Step {
        plan(&self.wanted, &self.view(Duration::ZERO, true))
    }

    /// Takes a step, and reads its result back from the data of a Secret.
    fn take(&mut self, step: Step) {
        if step == Step::Publish {
            self.published.fill(self.stored.bundle.clone());
        } else if let Some(stored) = apply(step, &self.wanted, &self.view(SETTLE, true)).unwrap() {
            let data = stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
            self.stored = Stored::read("ns/name", &data, Some(&stored.trust_annotation()), stored.renewal);
        }
    }

    /// Takes steps until there is nothing to do, and returns them. Waiting times have passed.
    fn settle(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        loop {
            let step = plan(&self.wanted, &self.view(SETTLE, true));
            if step == Step::Done {
                return steps;
            }
            self.take(step);
            steps.push(step);
            assert!(steps.len() < 12, "the plan does not end: {steps:?}");
        }
    }

    fn signing(&self) -> Ca {
        self.stored.signing.as_ref().unwrap().ca.clone()
    }

    fn settled() -> Cluster {
        let mut cluster = Cluster::new();
        cluster.settle();
        cluster
    }
}

#[test]
fn the_first_ca_is_published_before_it_signs() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.settle(), [Step::Introduce, Step::Publish, Step::Promote]);
    let leaf = &cluster.stored.leaf.as_ref().unwrap().pair;
    assert_eq!(leaf.not_after, cluster.now + DAY * 30);
    assert_eq!(cluster.signing().not_after, cluster.now + DAY * 365);
    assert_eq!(verify(leaf, &cluster.published[0], Some("netpol.system.svc"), cluster.now), Ok(()));
    assert_eq!(verify(leaf, &cluster.published[0], Some("::1"), cluster.now), Ok(()));
    assert_eq!(verify(leaf, &cluster.published[0], Some("other.system.svc"), cluster.now), Err(Untrusted::OtherName));
    assert_eq!(verify(leaf, &Cluster::settled().published[0], None, cluster.now), Err(Untrusted::UnknownCa));
    assert_eq!(verify(leaf, &[], None, cluster.now), Err(Untrusted::NoCa));
    assert_eq!(verify(leaf, &cluster.published[0], None, cluster.now + DAY * 31), Err(Untrusted::Expired));
    assert_eq!(verify(leaf, &cluster.published[0], None, cluster.now - DAY), Err(Untrusted::TooEarly));
}

#[test]
fn without_webhooks_a_new_ca_signs_at_once() {
    let mut cluster = Cluster::new();
    cluster.published.clear();
    assert_eq!(cluster.settle(), [Step::Introduce, Step::Promote]);
}

#[test]
fn a_certificate_is_renewed_at_two_thirds_of_its_life() {
    let mut cluster = Cluster::settled();
    let (ca, cert) = (cluster.signing(), cluster.stored.leaf.as_ref().unwrap().cert.clone());
    cluster.now += DAY * 19;
    assert_eq!(cluster.next(), Step::Done);
    cluster.now += DAY;
    assert_eq!(cluster.settle(), [Step::Sign]);
    assert_eq!(cluster.signing(), ca);
    assert_ne!(cluster.stored.leaf.as_ref().unwrap().cert, cert);
}

#[test]
fn a_ca_is_replaced_at_two_thirds_of_its_life_and_trusted_until_its_last_certificate_expires() {
    let mut cluster = Cluster::settled();
    let old = cluster.signing();
    cluster.now += DAY * 230;
    assert_eq!(cluster.settle(), [Step::Sign]);
    let last = cluster.stored.leaf.as_ref().unwrap().pair.clone();
    cluster.now += DAY * 14;
    assert_eq!(cluster.next(), Step::Introduce);
    cluster.take(Step::Introduce);
    assert_eq!(cluster.next(), Step::Publish);
    cluster.take(Step::Publish);
    assert_eq!(cluster.next(), Step::Wait, "API servers read the bundle at different times");
    assert_eq!(cluster.signing(), old, "the new CA does not sign yet");
    let nearly = SETTLE.saturating_sub(Duration::from_millis(1));
    assert_eq!(plan(&cluster.wanted, &cluster.view(nearly, true)), Step::Wait);
    assert_eq!(
        plan(&cluster.wanted, &cluster.view(Duration::ZERO, false)),
        Step::Promote,
        "no trusted certificate is served that could break"
    );
    assert_eq!(cluster.settle(), [Step::Promote]);
    assert_ne!(cluster.signing(), old);
    assert_eq!(verify(&last, &cluster.published[0], None, cluster.now), Ok(()), "the old certificate is still trusted");
    cluster.now = last.not_after - Duration::from_secs(1);
    assert!(cluster.settle().iter().all(|step| *step == Step::Sign));
    assert!(cluster.published[0].contains(&old));
    cluster.now = last.not_after;
    assert_eq!(cluster.settle(), [Step::Prune, Step::Publish]);
    assert_eq!(cluster.published[0], [cluster.signing()]);
}

#[test]
fn a_requested_renewal_happens_once() {
    let mut cluster = Cluster::settled();
    let ca = cluster.signing();
    cluster.stored.renewal = Some(Renewal::Leaf);
    assert_eq!(cluster.settle(), [Step::Sign]);
    assert_eq!((cluster.stored.renewal, cluster.signing()), (None, ca.clone()));
    cluster.stored.renewal = Some(Renewal::Ca);
    assert_eq!(cluster.settle(), [Step::Introduce, Step::Publish, Step::Promote]);
    assert_eq!(cluster.stored.renewal, None);
    assert_ne!(cluster.signing(), ca);
}

#[test]
fn a_change_of_names_issues_a_new_certificate() {
    let mut cluster = Cluster::settled();
    cluster.wanted.names.push("netpol.system.svc.cluster.local".to_owned());
    assert_eq!(cluster.settle(), [Step::Sign]);
    cluster.wanted.names.rotate_left(1);
    assert_eq!(cluster.next(), Step::Done, "the order of names does not matter");
}

#[test]
fn an_overwritten_bundle_is_published_again() {
    let mut cluster = Cluster::settled();
    cluster.published = vec![Vec::new(), cluster.published[0].clone()];
    assert_eq!(cluster.next(), Step::Publish);
    cluster.published = vec![Cluster::settled().published[0].clone()];
    cluster.stored.renewal = Some(Renewal::Leaf);
    assert_eq!(cluster.next(), Step::Publish, "a certificate that no bundle trusts is not issued");
    assert_eq!(cluster.settle(), [Step::Publish, Step::Sign]);
}

/// Without the right to patch webhook configurations, the trusted certificate must still be renewed.
#[test]
fn a_certificate_is_renewed_while_a_new_bundle_cannot_be_published() {
    let mut cluster = Cluster::settled();
    cluster.stored.renewal = Some(Renewal::Ca);
    cluster.take(Step::Introduce);
    cluster.now += DAY * 25;
    assert_eq!(cluster.next(), Step::Sign);
    cluster.take(Step::Sign);
    assert_eq!(cluster.next(), Step::Publish);
}

#[test]
fn a_certificate_never_outlives_its_ca() {
    let mut cluster = Cluster::settled();
    cluster.take(Step::Sign);
    cluster.now += DAY * 350;
    cluster.take(Step::Sign);
    assert_eq!(cluster.stored.leaf.as_ref().unwrap().pair.not_after, cluster.signing().not_after);
    // A certificate that would not be valid for longer is not issued again and again.
    cluster.now += DAY * 14;
    cluster.stored.next = Some(cluster.stored.signing.clone().unwrap());
    assert_ne!(cluster.next(), Step::Sign);
}

#[test]
fn a_machine_that_was_suspended_past_every_expiry_gets_a_trusted_certificate() {
    for slept in [31, 300, 366, 5000] {
        let mut cluster = Cluster::settled();
        cluster.now += DAY * slept;
        cluster.settle();
        let leaf = &cluster.stored.leaf.as_ref().unwrap().pair;
        assert_eq!(verify(leaf, &cluster.published[0], None, cluster.now), Ok(()), "{slept} days");
    }
}

#[test]
fn a_clock_that_is_set_back_gets_a_valid_certificate_and_the_later_one_stays_trusted() {
    let mut cluster = Cluster::settled();
    let leaf = cluster.stored.leaf.as_ref().unwrap().pair.clone();
    cluster.now -= DAY * 10;
    cluster.settle();
    let earlier = &cluster.stored.leaf.as_ref().unwrap().pair;
    assert_eq!(verify(earlier, &cluster.published[0], None, cluster.now), Ok(()));
    assert_eq!(verify(&leaf, &cluster.published[0], None, cluster.now + DAY * 10), Ok(()), "the clock may be set forward again");
}

#[test]
fn a_next_ca_that_expired_before_it_signed_is_removed() {
    let mut cluster = Cluster::settled();
    cluster.stored.renewal = Some(Renewal::Ca);
    cluster.take(Step::Introduce);
    let expired = cluster.stored.next.as_ref().unwrap().ca.clone();
    // It is not published before it expires.
    cluster.now += DAY * 400;
    cluster.settle();
    assert!(!cluster.stored.bundle.contains(&expired));
}

#[test]
fn cas_that_the_secret_lost_are_restored_from_published_bundles_for_two_leaf_lifetimes() {
    let mut cluster = Cluster::settled();
    let (old, leaf) = (cluster.signing(), cluster.stored.leaf.as_ref().unwrap().pair.clone());
    cluster.stored = Stored::absent();
    assert_eq!(cluster.settle(), [Step::Introduce, Step::Publish, Step::Promote]);
    assert_eq!(verify(&leaf, &cluster.published[0], None, cluster.now), Ok(()), "the served certificate stays trusted");
    assert!(cluster.stored.needed_until[&old.fingerprint] <= cluster.now + DAY * 60);
    cluster.now += DAY * 61;
    cluster.settle();
    assert!(!cluster.stored.bundle.contains(&old));
}

#[test]
fn a_bundle_that_lacks_a_ca_of_the_annotation_counts_as_damaged() {
    let mut cluster = Cluster::settled();
    cluster.stored.renewal = Some(Renewal::Ca);
    cluster.settle();
    let mut data: std::collections::BTreeMap<String, Vec<u8>> =
        cluster.stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
    let complete = cluster.stored.bundle.clone();
    // Without its second certificate, the bundle is still valid PEM.
    data.insert("ca.crt".to_owned(), cluster.signing().pem().into_bytes());
    cluster.stored = Stored::read("ns/name", &data, Some(&cluster.stored.trust_annotation()), None);
    assert_eq!(cluster.settle(), [Step::Mend]);
    assert!(same_cas(&cluster.stored.bundle, &complete));
}

/// After a flipped byte the certificate parses and has the right key, but no client trusts it.
#[test]
fn a_ca_with_an_invalid_signature_is_ignored() {
    let mut cluster = Cluster::settled();
    let mut der = cluster.signing().der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let changed = Ca::from_der(der.into()).expect("the certificate parses");
    assert!(cluster.signing().is_intact() && !changed.is_intact());
    let mut data: std::collections::BTreeMap<String, Vec<u8>> =
        cluster.stored.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
    data.insert("ca.crt".to_owned(), changed.pem().into_bytes());
    cluster.stored = Stored::read("ns/name", &data, Some(&cluster.stored.trust_annotation()), None);
    cluster.settle();
    assert!(!cluster.stored.bundle.contains(&changed));
}

/// Each CA that is read costs the check of a signature.
#[test]
fn a_secret_with_many_cas_is_damaged_and_few_are_read() {
    let mut cluster = Cluster::settled();
    let own = cluster.signing();
    let mut many: Vec<Ca> = (0..80).map(|_| Authority::new(cluster.now, DAY).unwrap().ca).collect();
    many.push(own.clone());
    let full = Stored { bundle: many, ..cluster.stored.clone() };
    let data = full.data().into_iter().map(|(key, value)| (key.to_owned(), value.into_bytes())).collect();
    cluster.introduced.recorded = Some(cluster.introduced.with(std::slice::from_ref(&own)));
    let mut read = Stored::read("ns/name", &data, Some(&full.trust_annotation()), None);
    assert_eq!((read.bundle.len(), read.is_damaged), (MAX_CAS, true));
    assert_eq!(cluster.introduced.restrict(&mut read, &cluster.published).len(), MAX_CAS);
    cluster.stored = read;
    cluster.introduced.recorded = None;
    assert_eq!(cluster.settle(), [Step::Introduce, Step::Publish, Step::Promote]);
    assert!(cluster.stored.bundle.contains(&own), "the published CA is restored");
}

#[test]
fn no_step_writes_more_cas_than_are_read() {
    let mut cluster = Cluster::settled();
    let more: Vec<Ca> = (1..MAX_CAS).map(|_| Authority::new(cluster.now, DAY * 365).unwrap().ca).collect();
    cluster.stored.bundle.extend(more);
    cluster.published = vec![cluster.stored.bundle.clone()];
    cluster.stored.renewal = Some(Renewal::Ca);
    cluster.take(Step::Introduce);
    assert_eq!((cluster.stored.bundle.len(), cluster.stored.is_damaged), (MAX_CAS, false));
}
