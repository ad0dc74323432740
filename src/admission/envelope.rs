//! Reads an `AdmissionReview` in one pass over its body, borrowed from it.

use serde::de::{DeserializeSeed, Error, MapAccess};

use super::fields::{Fields, Map, Trail};
use super::objects::{MetadataOnly, PodReader, PolicyReader, WorkloadReader, object};
use super::values::{ignore, list, optional};
use crate::policy::node::Node;
use crate::verdict::facts::{Change, Facts, Operation, Request, Text, Wanted};
use crate::verdict::{Guard, Stage};

/// A review, as far as it was read.
#[derive(Debug)]
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

/// Reads a review. The API server writes what decides on the facts before the objects. Where that
/// comes in another order, or something is wrong, the body is read again, first without the objects.
pub(super) fn read<'a>(guard: &Guard, stage: Stage, body: &'a str) -> Outcome<'a> {
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
    let (wanted, passes_over, in_order) = match objects {
        Objects::AsTheyCome => (None, false, true),
        Objects::PassedOver => (None, true, false),
        Objects::Wanted(wanted) => (Some(wanted), false, false),
    };
    let request = RequestReader { guard, stage, request: Request::default(), wanted, passes_over, in_order };
    let mut reader = EnvelopeReader { api_version: Text::default(), kind: Text::default(), has_request: false, request };
    let trail = Trail::default();
    let mut deserializer = serde_json::Deserializer::from_str(body);
    let result = Map { fields: &mut reader, trail: &trail }.deserialize(&mut deserializer).and_then(|_| deserializer.end());

    let EnvelopeReader { api_version, kind, has_request, request: RequestReader { request, wanted, .. } } = reader;
    let wanted = wanted.unwrap_or_else(|| Facts::wanted(guard, stage, &request));
    Outcome { review: Review { api_version, kind, has_request, request, wanted }, fault: result.err().map(|error| (error, trail)) }
}

struct EnvelopeReader<'r, 'a> {
    api_version: Text<'a>,
    kind: Text<'a>,
    has_request: bool,
    request: RequestReader<'r, 'a>,
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
