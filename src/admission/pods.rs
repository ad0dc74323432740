//! Reads the reviews of pods in one pass. Most reviews are about pods, and these have the largest objects.

use json_skim::Reader;
use serde::Deserialize;

use super::decision::Decision;
use super::envelope::Review;
use super::{protocol, read};
use crate::verdict::facts::fields::Map;
use crate::verdict::facts::{Facts, Objects};
use crate::verdict::wanted::{FactKind, wanted};
use crate::verdict::{Guard, Stage};

/// The resource of a pod.
const RESOURCE: &str = r#""pods""#;

/// API servers write the resource within this number of bytes.
const START: usize = 320;

/// Reads a review of a pod. Returns `None` if it is another review, or cannot be read: then the envelope must be read
/// first. The start of the text only tells whether an attempt is worthwhile; what the verdict reads is decided by
/// the request, as always.
pub(super) fn decision<'r>(guard: &'r Guard, stage: Stage, text: &'r str) -> Option<Decision<'r>> {
    // The annotations that a flag adds are read in a second pass.
    if !guard.settings.network_annotation_keys.is_empty() || !text.get(..START)?.contains(RESOURCE) {
        return None;
    }
    match stage {
        Stage::Mutate => read(guard, stage, text, FactKind::PodMetadata, Facts::PodMetadata),
        Stage::Validate => read(guard, stage, text, FactKind::Pod, Facts::Pod),
    }
}

/// Reads a review whose verdict wants facts of type `T`.
fn read<'r, T: Deserialize<'r>>(
    guard: &'r Guard,
    stage: Stage,
    text: &'r str,
    kind: FactKind,
    facts: impl FnOnce(Objects<T>) -> Facts<'r>,
) -> Option<Decision<'r>> {
    let Map(review): Map<Review<'r, Map<T>>> = read::quickly(Reader::new(text))?;
    let request = review.request?;
    protocol::check(&review.kind, &review.api_version, Some(&request.uid)).ok()?;
    let (request, Objects { new, old }) = request.split();
    let wanted = wanted(guard, stage, &request);
    let object = |object: Option<Map<T>>| object.map(|Map(object)| object);
    (wanted.facts == kind).then(|| {
        let facts = facts(Objects { new: object(new), old: object(old) });
        Decision { guard, stage, request, wanted, facts }
    })
}
