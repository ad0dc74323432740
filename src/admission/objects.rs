//! Reads the objects of a request into the facts that its verdict wants.

use json_skim::Raw;
use serde::Deserialize;

use super::read::{self, Fault};
use crate::verdict::WorkloadKind;
use crate::verdict::facts::fields::Map;
use crate::verdict::facts::{
    Annotated, ControllerRevision, CronJob, Facts, Objects, PodTemplate, WholeTemplate, WithAnnotations, Workload,
};
use crate::verdict::wanted::FactKind;

/// Reads the wanted facts. `given` are the keys of annotations that a flag adds.
///
/// # Errors
/// An object does not have the expected structure.
pub(super) fn facts<'a>(wanted: FactKind, given: &[String], raw: &Objects<Raw<'a>>) -> Result<Facts<'a>, Fault> {
    Ok(match wanted {
        FactKind::Nothing => Facts::Nothing,
        FactKind::Missing(field) => Facts::Missing(field),
        FactKind::Pod => Facts::Pod(annotated(raw, given)?),
        FactKind::PodMetadata => Facts::PodMetadata(annotated(raw, given)?),
        FactKind::Binding => Facts::Binding(annotated(raw, given)?),
        FactKind::Workload(kind) => Facts::Workload(kind, workload(kind, raw)?),
        FactKind::NetworkPolicy => Facts::NetworkPolicy(both(raw)?),
        FactKind::DeletedPolicy => Facts::DeletedPolicy(old(raw)?),
        FactKind::ForeignPolicy => Facts::ForeignPolicy(both(raw)?),
        FactKind::DeletedForeignPolicy => Facts::DeletedForeignPolicy(old(raw)?),
        FactKind::Namespace => Facts::Namespace(annotated(raw, given)?),
    })
}

/// Reads workloads, and those of an update once more with their whole templates.
fn workload<'a>(kind: WorkloadKind, raw: &Objects<Raw<'a>>) -> Result<Objects<Workload<'a>>, Fault> {
    let mut objects = match kind {
        WorkloadKind::Plain | WorkloadKind::ReplicationController => both(raw)?,
        WorkloadKind::CronJob => converted::<CronJob<'a>>(raw)?,
        WorkloadKind::PodTemplate => converted::<PodTemplate<'a>>(raw)?,
        WorkloadKind::ControllerRevision => converted::<ControllerRevision<'a>>(raw)?,
    };
    if raw.old.is_some() {
        let whole = both::<WholeTemplate<'a>>(raw)?;
        for (object, whole) in [(&mut objects.new, whole.new), (&mut objects.old, whole.old)] {
            object.iter_mut().zip(whole).for_each(|(object, whole)| object.whole = Some(whole.into()));
        }
    }
    Ok(objects)
}

fn converted<'a, T: Deserialize<'a> + Into<Workload<'a>>>(raw: &Objects<Raw<'a>>) -> Result<Objects<Workload<'a>>, Fault> {
    let Objects { new, old } = both::<T>(raw)?;
    Ok(Objects { new: new.map(T::into), old: old.map(T::into) })
}

/// Reads both objects. If a flag adds keys, their annotations are read once more: without the flag, faults in annotations
/// that no verdict reads are ignored.
fn annotated<'a, T: Deserialize<'a> + WithAnnotations<'a>>(raw: &Objects<Raw<'a>>, given: &[String]) -> Result<Objects<T>, Fault> {
    let mut objects = both::<T>(raw)?;
    if !given.is_empty() {
        let all = both::<Annotated<'a>>(raw)?;
        for (object, all) in [(&mut objects.new, all.new), (&mut objects.old, all.old)] {
            object.iter_mut().zip(all).for_each(|(object, all)| object.add_annotations(all));
        }
    }
    Ok(objects)
}

fn both<'a, T: Deserialize<'a>>(raw: &Objects<Raw<'a>>) -> Result<Objects<T>, Fault> {
    Ok(Objects { new: object(raw.new, "request.object")?, old: old(raw)? })
}

fn old<'a, T: Deserialize<'a>>(raw: &Objects<Raw<'a>>) -> Result<Option<T>, Fault> {
    object(raw.old, "request.oldObject")
}

fn object<'a, T: Deserialize<'a>>(raw: Option<Raw<'a>>, place: &str) -> Result<Option<T>, Fault> {
    let read = |raw| read::raw(raw).map(|Map(object)| object).map_err(|fault| fault.within(place));
    raw.map(read).transpose()
}
