//! Reads the facts of an object: of each kind what a verdict on it needs, nothing else.

use serde::de::{Error, IgnoredAny, MapAccess};

use super::fields::{Fields, Map, Trail};
use super::values::{AnnotationMap, LabelMap, ignore, list, optional};
use crate::documents::node::Node;
use crate::verdict::Workload as Kind;
use crate::verdict::facts::{Metadata, NetworkPolicy, Pod, Workload};

/// Reads a nested map into its fields.
fn nested<'de, A: MapAccess<'de>>(map: &mut A, fields: &mut impl Fields<'de>, trail: &Trail) -> Result<bool, A::Error> {
    map.next_value_seed(Map { fields, trail })
}

/// Reads an object that must have metadata; answers `None` for `null`.
pub(super) fn object<'de, A, T>(map: &mut A, mut reader: T, trail: &Trail) -> Result<Option<T::Object>, A::Error>
where
    A: MapAccess<'de>,
    T: Fields<'de> + Object,
{
    if !nested(map, &mut reader, trail)? {
        return Ok(None);
    }
    reader.finish().map(Some).ok_or_else(|| A::Error::custom("has no metadata"))
}

/// What an object is read into before it is known to be whole.
pub(super) trait Object {
    /// The facts of it.
    type Object;

    /// Answers the facts; `None` where there is no metadata.
    fn finish(self) -> Option<Self::Object>;
}

/// Which parts of metadata are read besides the name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parts {
    /// Labels, annotations, `deletionTimestamp`.
    OfPod,
    /// Annotations, owner references, finalizers.
    OfPolicy,
    /// Labels.
    OfNamespace,
    /// Nothing.
    Name,
}

struct MetadataReader<'de> {
    metadata: Metadata<'de>,
    parts: Parts,
    is_there: bool,
}

impl<'de> MetadataReader<'de> {
    fn new(parts: Parts) -> Self {
        MetadataReader { metadata: Metadata::default(), parts, is_there: false }
    }

    fn read_from<A: MapAccess<'de>>(&mut self, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        self.is_there = nested(map, self, trail)?;
        Ok(())
    }

    fn finish(self) -> Option<Metadata<'de>> {
        self.is_there.then_some(self.metadata)
    }
}

impl<'de> Fields<'de> for MetadataReader<'de> {
    const NAMES: &'static [&'static str] =
        &["name", "generateName", "deletionTimestamp", "labels", "annotations", "ownerReferences", "finalizers"];

    fn read<A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A, _: &Trail) -> Result<(), A::Error> {
        let metadata = &mut self.metadata;
        match (name, self.parts) {
            ("name", _) => metadata.name = optional(map)?,
            ("generateName", _) => metadata.generate_name = optional(map)?,
            ("deletionTimestamp", Parts::OfPod) => metadata.terminating = map.next_value::<Option<IgnoredAny>>()?.is_some(),
            ("labels", Parts::OfPod | Parts::OfNamespace) => metadata.labels = map.next_value_seed(LabelMap)?,
            ("annotations", Parts::OfPod | Parts::OfPolicy) => metadata.annotations = map.next_value_seed(AnnotationMap)?,
            ("ownerReferences", Parts::OfPolicy) => metadata.owner_references = list(map)?,
            ("finalizers", Parts::OfPolicy) => metadata.finalizers = list(map)?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}

/// The metadata alone, with the labels: a binding's or a namespace's.
pub(super) struct MetadataOnly<'de>(MetadataReader<'de>);

impl MetadataOnly<'_> {
    pub(super) fn of_binding() -> Self {
        MetadataOnly(MetadataReader::new(Parts::OfPod))
    }

    pub(super) fn of_namespace() -> Self {
        MetadataOnly(MetadataReader::new(Parts::OfNamespace))
    }
}

impl<'de> Object for MetadataOnly<'de> {
    type Object = Metadata<'de>;

    fn finish(self) -> Option<Metadata<'de>> {
        self.0.finish()
    }
}

impl<'de> Fields<'de> for MetadataOnly<'de> {
    const NAMES: &'static [&'static str] = &["metadata"];

    fn read<A: MapAccess<'de>>(&mut self, _: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        self.0.read_from(map, trail)
    }
}

/// A pod, or a template of pods.
pub(super) struct PodReader<'de> {
    metadata: MetadataReader<'de>,
    host_network: bool,
}

impl PodReader<'_> {
    pub(super) fn new() -> Self {
        PodReader { metadata: MetadataReader::new(Parts::OfPod), host_network: false }
    }
}

impl<'de> Object for PodReader<'de> {
    type Object = Pod<'de>;

    fn finish(self) -> Option<Pod<'de>> {
        Some(Pod { metadata: self.metadata.finish()?, host_network: self.host_network })
    }
}

impl<'de> Fields<'de> for PodReader<'de> {
    const NAMES: &'static [&'static str] = &["metadata", "spec"];

    fn read<A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        match name {
            "metadata" => self.metadata.read_from(map, trail),
            _ => nested(map, &mut PodSpec(&mut self.host_network), trail).map(drop),
        }
    }
}

struct PodSpec<'r>(&'r mut bool);

impl<'de> Fields<'de> for PodSpec<'_> {
    const NAMES: &'static [&'static str] = &["hostNetwork"];

    fn read<A: MapAccess<'de>>(&mut self, _: &'static str, map: &mut A, _: &Trail) -> Result<(), A::Error> {
        *self.0 = optional(map)?;
        Ok(())
    }
}

/// What makes pods from a template.
pub(super) struct WorkloadReader<'de> {
    metadata: MetadataReader<'de>,
    spec: WorkloadSpec<'de>,
    kind: Kind,
}

impl WorkloadReader<'_> {
    pub(super) fn new(kind: Kind) -> Self {
        let spec = WorkloadSpec { selector: Node::Null, template: Pod::default() };
        WorkloadReader { metadata: MetadataReader::new(Parts::Name), spec, kind }
    }
}

impl<'de> Object for WorkloadReader<'de> {
    type Object = Workload<'de>;

    fn finish(self) -> Option<Workload<'de>> {
        let WorkloadSpec { selector, template } = self.spec;
        Some(Workload { metadata: self.metadata.finish()?, selector, template })
    }
}

impl<'de> Fields<'de> for WorkloadReader<'de> {
    const NAMES: &'static [&'static str] = &["metadata", "spec"];

    fn read<A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        match (name, self.kind) {
            ("metadata", _) => self.metadata.read_from(map, trail),
            (_, Kind::CronJob) => nested(map, &mut CronJobSpec(&mut self.spec), trail).map(drop),
            (_, Kind::Plain | Kind::ReplicationController) => nested(map, &mut self.spec, trail).map(drop),
        }
    }
}

struct WorkloadSpec<'de> {
    selector: Node<'de>,
    template: Pod<'de>,
}

impl<'de> Fields<'de> for WorkloadSpec<'de> {
    const NAMES: &'static [&'static str] = &["selector", "template"];

    fn read<A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        if name == "selector" {
            self.selector = map.next_value()?;
            return Ok(());
        }
        let mut template = PodReader::new();
        nested(map, &mut template, trail)?;
        // A template may leave its metadata out: its pods have no labels then.
        self.template = Pod { metadata: template.metadata.metadata, host_network: template.host_network };
        Ok(())
    }
}

/// `jobTemplate.spec` within the spec of a `CronJob`: one level at a time.
struct CronJobSpec<'r, 'de>(&'r mut WorkloadSpec<'de>);

impl<'de> Fields<'de> for CronJobSpec<'_, 'de> {
    const NAMES: &'static [&'static str] = &["jobTemplate"];

    fn read<A: MapAccess<'de>>(&mut self, _: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        nested(map, &mut JobTemplate(self.0), trail).map(drop)
    }
}

struct JobTemplate<'r, 'de>(&'r mut WorkloadSpec<'de>);

impl<'de> Fields<'de> for JobTemplate<'_, 'de> {
    const NAMES: &'static [&'static str] = &["spec"];

    fn read<A: MapAccess<'de>>(&mut self, _: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        nested(map, self.0, trail).map(drop)
    }
}

/// A `NetworkPolicy`; of one that is deleted only the metadata.
pub(super) struct PolicyReader<'de> {
    metadata: MetadataReader<'de>,
    spec: Node<'de>,
    reads_spec: bool,
}

impl PolicyReader<'_> {
    pub(super) fn new(reads_spec: bool) -> Self {
        PolicyReader { metadata: MetadataReader::new(Parts::OfPolicy), spec: Node::Null, reads_spec }
    }
}

impl<'de> Object for PolicyReader<'de> {
    type Object = NetworkPolicy<'de>;

    fn finish(self) -> Option<NetworkPolicy<'de>> {
        Some(NetworkPolicy { metadata: self.metadata.finish()?, spec: self.spec })
    }
}

impl<'de> Fields<'de> for PolicyReader<'de> {
    const NAMES: &'static [&'static str] = &["metadata", "spec"];

    fn read<A: MapAccess<'de>>(&mut self, name: &'static str, map: &mut A, trail: &Trail) -> Result<(), A::Error> {
        match name {
            "metadata" => self.metadata.read_from(map, trail)?,
            _ if self.reads_spec => self.spec = map.next_value()?,
            _ => ignore(map)?,
        }
        Ok(())
    }
}
