//! Probes. `netpol check` tests whether the webhook is called: it sends the dry run of a policy that carries the probe annotation. Every
//! such dry run is denied whatever `--enforcement` says, so that softened enforcement does not look like a missing webhook. A
//! dry run stores nothing, so a user who sets the annotation to stay out of the audit log changes nothing either.

use crate::verdict::annotations::{self, PROBE};
use crate::verdict::ctx::Ctx;
use crate::verdict::facts::NetworkPolicy;
use crate::verdict::finding::{Finding, Rule, Severity};
use crate::verdict::request::Operation;

/// Returns the denial of a probe, which repeats its value, or `None` if the request is no probe.
pub(super) fn denied(ctx: Ctx<'_>, policy: &NetworkPolicy<'_>) -> Option<Finding> {
    let value = policy.metadata.annotations.get(PROBE)?;
    if !ctx.request.dry_run || ctx.request.operation != Operation::Create {
        return None;
    }
    let message = if annotations::is_probe_value(value) {
        format!("probe {value}: the webhook is called. A dry run with annotation {PROBE} is always denied")
    } else {
        format!(
            "a dry run with annotation {PROBE} is always denied, and the value of this one is invalid: it must have 8 to 64 lower-case letters, digits or dashes"
        )
    };
    Some(Finding::new(Rule::Probe, Severity::Probe, message))
}
