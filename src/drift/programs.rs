//! What pods run: as which service account, and with which images. The metadata of a pod does not tell it, so it is read of the pods
//! whose grants limit it, and of no other.

use std::collections::BTreeSet;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::objects::PodObject;
use super::snapshot::Pods;
use crate::canon::Identity;
use crate::documents::values::text;
use crate::verdict::Guard;
use crate::verdict::facts::PodSpec;
use crate::verdict::settings::Action;

/// What a pod runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The uid of the pod.
    pub uid: String,
    pub(super) account: String,
    images: BTreeSet<String>,
}

impl Program {
    /// Reads a pod of the API; `None` if it cannot be understood.
    pub fn read(pod: &Value) -> Option<Program> {
        let spec = PodSpec::deserialize(pod.get("spec")?).ok()?;
        Some(Program {
            uid: text(pod, "/metadata/uid")?.to_owned(),
            account: spec.account().to_owned(),
            images: spec.images().map(str::to_owned).collect(),
        })
    }

    /// Returns containers with the same images.
    pub(super) fn containers(&self) -> Vec<Value> {
        self.images.iter().map(|image| json!({"image": image})).collect()
    }
}

/// Returns the label selectors of the pods whose programs are judged, each once.
pub fn judged_programs(guard: &Guard) -> BTreeSet<String> {
    let limiting = guard.canons.grants().iter().filter(|grant| grant.limits.limit_programs());
    limiting.filter(|_| is_judging(guard)).map(|grant| grant.selector.query()).collect()
}

/// Returns whether the program of a pod is judged.
pub(super) fn is_judged(guard: &Guard, identity: &Identity<'_>) -> bool {
    is_judging(guard) && identity.grants().any(|grant| grant.limits.limit_programs())
}

fn is_judging(guard: &Guard) -> bool {
    guard.settings.claims != Action::Allow
}

impl Pods {
    /// Returns the uids of the pods whose programs are judged, but are not among those that were read: each is newer than the programs,
    /// or no longer there.
    pub fn without_program(&self, guard: &Guard) -> BTreeSet<String> {
        let Ok(programs) = &self.programs else { return BTreeSet::new() };
        let is_without = |pod: &&PodObject| {
            let is_judged = pod.labels().is_ok_and(|labels| is_judged(guard, &guard.canons.identify(&labels)));
            is_judged && !pod.is_terminating && !programs.contains_key(&pod.uid)
        };
        self.all.iter().filter(is_without).map(|pod| pod.uid.clone()).collect()
    }
}
