//! Compares both readers: `serde_json` accepts what `json_skim` accepts, and reads the same facts.

use std::fmt::Debug;

use json_skim::{Raw, Reader};
use serde::Deserialize;

use super::envelope::{AdmissionRequest, Review};
use super::objects;
use super::read::{quickly, thoroughly};
use crate::documents::node::Node;
use crate::verdict::facts::fields::Map;
use crate::verdict::facts::{CronJob, DeletedPolicy, Facts, Namespace, NetworkPolicy, Objects, OnlyMetadata, Pod, Workload};
use crate::verdict::request::Request;
use crate::verdict::wanted::FactKind;

/// A small random number generator with the same sequence in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// A review with each type of value in fields that are read and in fields that are ignored.
const MIXED: &str = concat!(
    r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io\/v1","request":{"uid":"7d\u0062","kind":{"group":"","kind":"Pod"},"#,
    r#""resource":{"group":"","version":"v1","resource":"pods"},"namespace":"abcdesktop","operation":"CREATE","#,
    r#""userInfo":{"username":"a\u003cb","groups":["x","é"]},"object":{"metadata":{"name":"p","generation":-1.5e3,"#,
    r#""labels":{"netpol/dns":"true","t\n":"\\"},"annotations":{"a":"\"","x":null}},"spec":{"hostNetwork":false,"#,
    r#""l":[[],{},[{"a":[0,true,"\/"]},null]],"t":" "}},"oldObject":null,"dryRun":true}}"#,
    "\n"
);

/// Bytes that replace a byte or are inserted before it.
const BYTES: &[u8] = b"\"\\{}[]:,-+.019eEtnu/ \n\t\x00\x1f\x7f";

/// A recorded review for each kind of facts.
const RECORDINGS: [&str; 8] = [
    include_str!("../../tests/reviews/bindings-legacy.validate.json"),
    include_str!("../../tests/reviews/netpol-delete.validate.json"),
    include_str!("../../tests/reviews/netpol-ownerref.validate.json"),
    include_str!("../../tests/reviews/netpol-update-drift.validate.json"),
    include_str!("../../tests/reviews/pod-create-desktop.mutate.json"),
    include_str!("../../tests/reviews/pod-create-replicaset.validate.json"),
    include_str!("../../tests/reviews/pod-ephemeralcontainers.validate.json"),
    include_str!("../../tests/reviews/pod-status-labels.validate.json"),
];

/// Reads a text with both readers and compares the results. Returns the result of the fast one.
fn read<'a, T: Deserialize<'a> + PartialEq + Debug>(reader: Reader<'a>, text: &'a str) -> Option<T> {
    let Map(value) = quickly::<Map<T>>(reader)?;
    let Ok(Map(expected)) = thoroughly::<Map<T>>(text) else { panic!("only json_skim reads {text}") };
    assert!(value == expected, "{value:?} instead of {expected:?} from {text}");
    Some(value)
}

/// Returns whether the fast reader reads a body, and its objects as objects of each kind.
fn is_fast(body: &str) -> bool {
    let in_one_pass = read::<Review<'_, Map<Pod<'_>>>>(Reader::new(body), body);
    let metadata_in_one_pass = read::<Review<'_, Map<OnlyMetadata<'_>>>>(Reader::new(body), body);
    let Some(review) = read::<Review<'_, Raw<'_>>>(Reader::new(body), body) else { return false };
    let Some(request) = review.request else { return false };
    let (request, raw) = request.split();
    if let Some(pods) = in_one_pass.and_then(|review| review.request) {
        let (read, facts) = facts_of(pods, Facts::Pod);
        assert_eq!((&request, objects::facts(FactKind::Pod, &[], &raw).unwrap()), (&read, facts), "{body}");
    }
    if let Some(pods) = metadata_in_one_pass.and_then(|review| review.request) {
        let facts = objects::facts(FactKind::PodMetadata, &[], &raw).unwrap();
        assert_eq!((request, facts), facts_of(pods, Facts::PodMetadata), "{body}");
    }
    [raw.new, raw.old].into_iter().flatten().all(is_fast_object)
}

fn facts_of<'a, T>(request: AdmissionRequest<'a, Option<Map<T>>>, facts: impl FnOnce(Objects<T>) -> Facts<'a>) -> (Request<'a>, Facts<'a>) {
    let (request, Objects { new, old }) = request.split();
    (request, facts(Objects { new: new.map(|Map(object)| object), old: old.map(|Map(object)| object) }))
}

fn is_fast_object(raw: Raw<'_>) -> bool {
    fn reads<'a, T: Deserialize<'a> + PartialEq + Debug>(raw: Raw<'a>) -> bool {
        read::<T>(Reader::of_raw(raw), raw.text()).is_some()
    }
    // Not `all`, which stops at the first false result: every kind is compared.
    [
        reads::<Pod<'_>>(raw),
        reads::<OnlyMetadata<'_>>(raw),
        reads::<Workload<'_>>(raw),
        reads::<CronJob<'_>>(raw),
        reads::<NetworkPolicy<'_>>(raw),
        reads::<DeletedPolicy<'_>>(raw),
        reads::<Namespace<'_>>(raw),
        reads::<Node<'_>>(raw),
    ]
    .iter()
    .all(|is_read| *is_read)
}

/// Returns a body with the byte at `at` replaced, removed, or with one inserted before it; `None` if it is not UTF-8.
fn changed(body: &str, at: usize, way: usize) -> Option<String> {
    let mut bytes = body.as_bytes().to_vec();
    match (BYTES.get(way), BYTES.get(way.wrapping_sub(BYTES.len()))) {
        (Some(byte), _) => bytes[at] = *byte,
        (_, Some(byte)) => bytes.insert(at, *byte),
        _ => drop(bytes.remove(at)),
    }
    String::from_utf8(bytes).ok()
}

#[test]
fn the_fast_reader_reads_what_api_servers_send() {
    for body in RECORDINGS.into_iter().chain([MIXED]) {
        assert!(is_fast(body), "{body}");
    }
}

#[test]
fn the_fast_reader_reads_nothing_that_serde_json_does_not() {
    let (mut fast, mut other) = (0, 0);
    let mut check = |body: &str| *(if is_fast(body) { &mut fast } else { &mut other }) += 1;
    for at in 0..MIXED.len() {
        for way in 0..=2 * BYTES.len() {
            if let Some(body) = changed(MIXED, at, way) {
                check(&body);
            }
        }
        if let Some(body) = MIXED.get(..at) {
            check(body);
        }
    }
    let mut random = Random(0x2545_F491_4F6C_DD1D);
    for body in RECORDINGS {
        for _ in 0..400 {
            if let Some(body) = changed(body, random.below(body.len()), random.below(2 * BYTES.len() + 1)) {
                check(&body);
            }
        }
    }
    assert!(fast > 5_000 && other > 5_000, "{fast} fast, {other} not");
}

#[test]
fn deep_values_are_left_to_serde_json() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for (depth, expected) in [(50, true), (70, false), (100_000, false)] {
        let ignored = MIXED.replace("false", &format!("false,\"deep\":{}", nested(depth)));
        assert_eq!(is_fast(&ignored), expected, "{depth}");
        let wrong = MIXED.replace(r#"{"a":"\"","x":null}"#, &nested(depth));
        assert!(!is_fast(&wrong), "{depth}");
    }
    for (depth, expected) in [(90, true), (126, true), (130, false), (100_000, false)] {
        let policy = format!(r#"{{"metadata":{{}},"spec":{}}}"#, nested(depth));
        assert_eq!(thoroughly::<Map<NetworkPolicy<'_>>>(&policy).is_ok(), expected, "{depth}");
    }
}
