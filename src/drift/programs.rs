//! The pods of which it is read what they run: those whose grants limit it, and no others.

use std::collections::BTreeSet;

use super::objects::PodObject;
use super::snapshot::Pods;
use crate::canon::Identity;
use crate::verdict::Guard;
use crate::verdict::settings::Action;

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
        if judged_programs(guard).is_empty() {
            return BTreeSet::new();
        }
        let is_without = |pod: &&PodObject| {
            let is_judged = pod.labels().is_ok_and(|labels| is_judged(guard, &guard.canons.identify(&labels)));
            is_judged && !pod.is_terminating && !programs.contains_key(&pod.uid)
        };
        self.all.iter().filter(is_without).map(|pod| pod.uid.clone()).collect()
    }
}
