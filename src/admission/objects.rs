//! Reads the objects of a request into the facts that its verdict wants.

use json_skim::Raw;
use serde::Deserialize;

use super::read::{self, Fault};
use crate::verdict::WorkloadKind;
use crate::verdict::facts::fields::Map;
use crate::verdict::facts::{CronJob, Facts, Objects, Workload};
use crate::verdict::wanted::FactKind;

/// Reads the wanted facts.
///
/// # Errors
/// An object does not have the expected structure.
pub(super) fn facts<'a>(wanted: FactKind, raw: &Objects<Raw<'a>>) -> Result<Facts<'a>, Fault> {
    Ok(match wanted {
        FactKind::Nothing => Facts::Nothing,
        FactKind::Missing(field) => Facts::Missing(field),
        FactKind::Pod => Facts::Pod(both(raw)?),
        FactKind::Binding => Facts::Binding(both(raw)?),
        FactKind::Workload(kind) => Facts::Workload(
            kind,
            match kind {
                WorkloadKind::Plain | WorkloadKind::ReplicationController => both(raw)?,
                WorkloadKind::CronJob => {
                    let Objects { new, old } = both::<CronJob<'a>>(raw)?;
                    Objects { new: new.map(Workload::from), old: old.map(Workload::from) }
                }
            },
        ),
        FactKind::NetworkPolicy => Facts::NetworkPolicy(both(raw)?),
        FactKind::DeletedPolicy => Facts::DeletedPolicy(old(raw)?),
        FactKind::ForeignPolicy => Facts::ForeignPolicy(both(raw)?),
        FactKind::Namespace => Facts::Namespace(both(raw)?),
    })
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
