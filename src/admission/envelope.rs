//! Reads an `AdmissionReview` in one pass over its body, borrowed from it. A body that is not plainly
//! right is read again, by a reader that can say what is wrong.

use serde::de::{DeserializeSeed, Error, MapAccess};

use super::fields::{Fields, Map, Trail};
use super::objects::{MetadataOnly, PodReader, PolicyReader, WorkloadReader, object};
use super::values::{ignore, list, optional};
use crate::documents::node::Node;
use crate::verdict::facts::{Change, Facts, Operation, Request, Text, Wanted};
use crate::verdict::{Guard, Stage};
use json_skim::Reader;

/// A review, as far as it was read.
#[derive(Debug, PartialEq)]
pub(super) struct Review<'a> {
    pub(super) api_version: Text<'a>,
    pub(super) kind: Text<'a>,
    pub(super) has_request: bool,
    pub(super) request: Request<'a>,
    /// The facts, filled in.
    pub(super) wanted: Wanted<'a>,
}

/// What reading a review came to.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    /// The review, or what had been read of it when a fault was found.
    pub(super) review: Review<'a>,
    /// The fault: what, and where.
    pub(super) fault: Option<(serde_json::Error, Trail)>,
}

/// Reads a review.
pub(super) fn read<'a>(guard: &Guard, stage: Stage, body: &'a str) -> Outcome<'a> {
    match at_a_glance(guard, stage, body) {
        Some(review) => Outcome { review, fault: None },
        None => thoroughly(guard, stage, body),
    }
}

/// Reads a review that is plainly right, as nearly every one is.
fn at_a_glance<'a>(guard: &Guard, stage: Stage, body: &'a str) -> Option<Review<'a>> {
    let mut reader = EnvelopeReader::new(guard, stage, Objects::AsTheyCome);
    let mut json = Reader::new(body);
    Map { fields: &mut reader, trail: &Trail::default() }.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(reader.finish())
}

/// Reads a review, or says what is wrong with it. The API server writes what decides on the facts before
/// the objects. Where that comes in another order, or something is wrong, the body is read again, first
/// without the objects.
fn thoroughly<'a>(guard: &Guard, stage: Stage, body: &'a str) -> Outcome<'a> {
    let outcome = attempt(guard, stage, body, Objects::AsTheyCome);
    if outcome.fault.is_none() {
        return outcome;
    }
    let header = attempt(guard, stage, body, Objects::PassedOver);
    if header.fault.is_some() {
        return header;
    }
    attempt(guard, stage, body, Objects::Wanted(header.review.wanted))
}

/// How objects are read.
#[allow(clippy::large_enum_variant, reason = "there is one a request, on the stack")]
enum Objects<'a> {
    /// By the fields before the first of them.
    AsTheyCome,
    /// Not at all.
    PassedOver,
    /// For these facts.
    Wanted(Wanted<'a>),
}

fn attempt<'a>(guard: &Guard, stage: Stage, body: &'a str, objects: Objects<'a>) -> Outcome<'a> {
    let mut reader = EnvelopeReader::new(guard, stage, objects);
    let trail = Trail::default();
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let result = Map { fields: &mut reader, trail: &trail }.deserialize(&mut deserializer).and_then(|_| deserializer.end());
    Outcome { review: reader.finish(), fault: result.err().map(|error| (error, trail)) }
}

struct EnvelopeReader<'r, 'a> {
    api_version: Text<'a>,
    kind: Text<'a>,
    has_request: bool,
    request: RequestReader<'r, 'a>,
}

impl<'r, 'a> EnvelopeReader<'r, 'a> {
    fn new(guard: &'r Guard, stage: Stage, objects: Objects<'a>) -> Self {
        let (wanted, passes_over, in_order) = match objects {
            Objects::AsTheyCome => (None, false, true),
            Objects::PassedOver => (None, true, false),
            Objects::Wanted(wanted) => (Some(wanted), false, false),
        };
        let request = RequestReader { guard, stage, request: Request::default(), wanted, passes_over, in_order };
        EnvelopeReader { api_version: Text::default(), kind: Text::default(), has_request: false, request }
    }

    fn finish(self) -> Review<'a> {
        let EnvelopeReader { api_version, kind, has_request, request: RequestReader { guard, stage, request, wanted, .. } } = self;
        let wanted = wanted.unwrap_or_else(|| Facts::wanted(guard, stage, &request));
        Review { api_version, kind, has_request, request, wanted }
    }
}

impl<'a> Fields<'a> for EnvelopeReader<'_, 'a> {
    const NAMES: &'static [&'static str] = &["kind", "apiVersion", "request"];

    fn read<A: MapAccess<'a>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        match name {
            "kind" => self.kind = optional(map)?,
            "apiVersion" => self.api_version = optional(map)?,
            _ => self.has_request = map.next_value_seed(Map { fields: &mut self.request, trail })?,
        }
        Ok(())
    }
}

struct RequestReader<'r, 'a> {
    guard: &'r Guard,
    stage: Stage,
    request: Request<'a>,
    /// The facts: known from the first object on.
    wanted: Option<Wanted<'a>>,
    passes_over: bool,
    in_order: bool,
}

impl<'a> RequestReader<'_, 'a> {
    /// Refuses a field that decides on the facts where objects were read without it.
    fn decides<E: Error>(&self) -> Result<(), E> {
        if self.in_order && self.wanted.is_some() { Err(E::custom("comes after an object")) } else { Ok(()) }
    }

    fn object<A: MapAccess<'a>>(&mut self, is_old: bool, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        if self.passes_over {
            return ignore(map);
        }
        let wanted = self.wanted.get_or_insert_with(|| Facts::wanted(self.guard, self.stage, &self.request));
        match &mut wanted.facts {
            Facts::Nothing | Facts::Unknown(_) => ignore(map)?,
            Facts::Pod(change) => *side(change, is_old) = object(map, PodReader::new(), trail)?,
            Facts::Binding(change) => *side(change, is_old) = object(map, MetadataOnly::of_binding(), trail)?,
            Facts::Namespace(change) => *side(change, is_old) = object(map, MetadataOnly::of_namespace(), trail)?,
            Facts::Workload(kind, change) => *side(change, is_old) = object(map, WorkloadReader::new(*kind), trail)?,
            Facts::NetworkPolicy(change) => {
                let reads_spec = self.request.operation != Operation::Delete;
                *side(change, is_old) = object(map, PolicyReader::new(reads_spec), trail)?;
            }
            Facts::ForeignPolicy(change) => *side(change, is_old) = map.next_value::<Option<Node<'a>>>()?,
        }
        Ok(())
    }
}

fn side<T>(change: &mut Change<T>, is_old: bool) -> &mut Option<T> {
    if is_old { &mut change.old } else { &mut change.object }
}

impl<'a> Fields<'a> for RequestReader<'_, 'a> {
    const NAMES: &'static [&'static str] =
        &["uid", "kind", "resource", "subResource", "name", "namespace", "operation", "userInfo", "object", "oldObject", "dryRun"];

    fn read<A: MapAccess<'a>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        if matches!(name, "resource" | "subResource" | "namespace" | "operation") {
            self.decides()?;
        }
        let request = &mut self.request;
        match name {
            "uid" => request.uid = optional(map)?,
            "kind" => Kind(request).nested(map, trail)?,
            "resource" => Resource(request).nested(map, trail)?,
            "subResource" => request.subresource = optional(map)?,
            "name" => request.name = optional(map)?,
            "namespace" => request.namespace = optional(map)?,
            "operation" => request.operation = Operation::parse(&optional::<_, Text<'a>>(map)?),
            "userInfo" => UserInfo(request).nested(map, trail)?,
            "object" => self.object(false, map, trail)?,
            "oldObject" => self.object(true, map, trail)?,
            _ => request.dry_run = optional(map)?,
        }
        Ok(())
    }
}

/// The request, filled in from a map within it.
trait Nested<'a>: Fields<'a> + Sized {
    fn nested<A: MapAccess<'a>>(mut self, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        map.next_value_seed(Map { fields: &mut self, trail }).map(drop)
    }
}

impl<'a, F: Fields<'a>> Nested<'a> for F {}

struct Kind<'r, 'a>(&'r mut Request<'a>);

impl<'a> Fields<'a> for Kind<'_, 'a> {
    const NAMES: &'static [&'static str] = &["group", "kind"];

    fn read<A: MapAccess<'a>>(&mut self, name: &'static str, map: &mut A, _: &Trail) -> Result<(), A::Error> {
        *(if name == "group" { &mut self.0.kind_group } else { &mut self.0.kind }) = optional(map)?;
        Ok(())
    }
}

struct Resource<'r, 'a>(&'r mut Request<'a>);

impl<'a> Fields<'a> for Resource<'_, 'a> {
    const NAMES: &'static [&'static str] = &["group", "resource"];

    fn read<A: MapAccess<'a>>(&mut self, name: &'static str, map: &mut A, _: &Trail) -> Result<(), A::Error> {
        *(if name == "group" { &mut self.0.group } else { &mut self.0.resource }) = optional(map)?;
        Ok(())
    }
}

struct UserInfo<'r, 'a>(&'r mut Request<'a>);

impl<'a> Fields<'a> for UserInfo<'_, 'a> {
    const NAMES: &'static [&'static str] = &["username", "groups"];

    fn read<A: MapAccess<'a>>(&mut self, name: &'static str, map: &mut A, _: &Trail) -> Result<(), A::Error> {
        match name {
            "username" => self.0.user = optional(map)?,
            _ => self.0.groups = list(map)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::canon::{BUILT_IN, Canon};

    /// A small generator that makes the same numbers in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % bound as u64).unwrap()
        }
    }
    use crate::verdict::Settings;

    /// A review with every kind of value where it is read and where it is passed over.
    const MIXED: &str = concat!(
        r#"{"kind":"AdmissionReview","apiVersion":"admission.k8s.io\/v1","request":{"uid":"7d\u0062","kind":{"group":"","kind":"Pod"},"#,
        r#""resource":{"group":"","version":"v1","resource":"pods"},"namespace":"abcdesktop","operation":"CREATE","#,
        r#""userInfo":{"username":"a\u003cb","groups":["x","é"]},"object":{"metadata":{"name":"p","generation":-1.5e3,"#,
        r#""labels":{"netpol/dns":"true","t\n":"\\"},"annotations":{"a":"\"","x":null}},"spec":{"hostNetwork":false,"#,
        r#""l":[[],{},[{"a":[0,true,"\/"]},null]],"t":" "}},"oldObject":null,"dryRun":true}}"#,
        "\n"
    );

    /// What a byte is replaced by, or what is put before it.
    const BYTES: &[u8] = b"\"\\{}[]:,-+.019eEtnu/ \n\t\x00\x1f\x7f";

    fn guard() -> Guard {
        let settings = Settings::default();
        let canon = Canon::load(BUILT_IN[0], &settings.namespaces).unwrap();
        Guard { canon: Arc::new(canon), settings: Arc::new(settings) }
    }

    /// Answers whether a body is read at a glance; checks that it is then read the same by the other reader.
    fn is_clear(guard: &Guard, stage: Stage, body: &str) -> bool {
        let Some(review) = at_a_glance(guard, stage, body) else { return false };
        let Outcome { review: expected, fault } = thoroughly(guard, stage, body);
        assert!(fault.is_none(), "{:?}: {body}", fault.map(|(error, _)| error));
        assert!(review == expected, "read differently: {body}");
        true
    }

    /// A body with a byte at `at` replaced, put in or taken out; `None` where that is no text any more.
    fn changed(body: &str, at: usize, way: usize) -> Option<String> {
        let mut bytes = body.as_bytes().to_vec();
        match (BYTES.get(way), BYTES.get(way.wrapping_sub(BYTES.len()))) {
            (Some(byte), _) => bytes[at] = *byte,
            (_, Some(byte)) => bytes.insert(at, *byte),
            _ => drop(bytes.remove(at)),
        }
        String::from_utf8(bytes).ok()
    }

    /// One of each kind that is read differently.
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

    #[test]
    fn what_api_servers_send_is_clear_at_a_glance() {
        let guard = guard();
        for body in RECORDINGS.into_iter().chain([MIXED]) {
            for stage in [Stage::Mutate, Stage::Validate] {
                assert!(is_clear(&guard, stage, body), "{body}");
            }
        }
    }

    #[test]
    fn a_glance_never_sees_what_is_not_there() {
        let guard = guard();
        let (mut clear, mut unclear) = (0, 0);
        let mut check = |body: &str| *(if is_clear(&guard, Stage::Validate, body) { &mut clear } else { &mut unclear }) += 1;
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
        assert!(clear > 5_000 && unclear > 5_000, "{clear} clear, {unclear} not");
    }

    #[test]
    fn what_is_nested_too_deeply_is_left_to_the_other_reader() {
        let guard = guard();
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            (
                MIXED.replace("false", &format!("false,\"deep\":{open}{close}")),
                MIXED.replace(r#"{"a":"\"","x":null}"#, &format!("{open}{close}")),
            )
        };
        for (depth, expected) in [(50, true), (70, false), (100_000, false)] {
            let (ignored, wrong) = nested(depth);
            assert_eq!(is_clear(&guard, Stage::Validate, &ignored), expected, "{depth}");
            assert!(!is_clear(&guard, Stage::Validate, &wrong), "{depth}");
        }
        let policy = |spec: &str| {
            format!(
                r#"{{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{{"uid":"1","kind":{{"group":"networking.k8s.io","kind":"NetworkPolicy"}},"resource":{{"group":"networking.k8s.io","resource":"networkpolicies"}},"namespace":"abcdesktop","operation":"CREATE","object":{{"metadata":{{}},"spec":{spec}}}}}}}"#
            )
        };
        let spec = |depth: usize| policy(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)));
        assert!(is_clear(&guard, Stage::Validate, &spec(90)));
        assert!(!is_clear(&guard, Stage::Validate, &spec(100)));
        assert!(!is_clear(&guard, Stage::Validate, &spec(100_000)));
    }
}
