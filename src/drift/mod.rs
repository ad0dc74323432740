//! Drift: what is wrong in a cluster, and what would repair it.
//!
//! ```text
//! Snapshot ─► plan(snapshot, guard, repair, memory, now) ─► findings, what is not evaluated, actions, memory
//! ```
//!
//! Pure: `netpol check` reads a cluster into a [`Snapshot`] and prints the findings of [`plan`]. Objects are judged by the functions
//! of [`verdict`](crate::verdict) that judge requests, so that a check never disagrees with the webhook, and a policy that only is
//! spelled differently is never repaired. The result does not depend on the order of the objects. If all actions are done, the plan
//! of the next snapshot has none.
//!
//! | file | content |
//! |---|---|
//! | `snapshot`, `objects` | what was read of a cluster; the objects in it |
//! | `finding` | findings, their sections and severities; what is not evaluated |
//! | `action` | the writes that repair an object |
//! | `plan`, `draft` | the plan of a snapshot; the findings and repairs that it collects |
//! | `policies`, `pods`, `registration`, `neighbors`, `foreign`, `plugins` | the sections of a plan |
//! | `programs` | the pods of which it is read what they run |
//! | `pause` | pauses of repair, which members of a break-glass group set on a namespace |
//! | `canonical_foreign` | the canonical policies of other APIs |
//! | `memory` | the repairs of each object: when the next one may be tried, and when they are suspended |
//! | `probe` | the policy of a dry run that tests whether the webhook is called |

mod action;
mod canonical_foreign;
mod draft;
mod finding;
mod foreign;
mod memory;
mod neighbors;
mod objects;
mod pause;
mod plan;
mod plugins;
mod pods;
mod policies;
pub mod probe;
mod programs;
mod registration;
mod snapshot;
#[cfg(test)]
mod tests;

pub use action::{Action, FIELD_MANAGER, Target};
pub use finding::{Finding, NotEvaluated, Object, Section, Severity};
pub use memory::{Key, Memory, Repair, Suspended};
pub use objects::{ForeignObject, NamespaceObject, PodObject, PolicyObject, Program, Writer};
pub use pause::Paused;
pub use plan::{Plan, plan};
pub use plugins::{DaemonSetObject, K3sServer, Network, applying};
pub use programs::judged_programs;
pub use snapshot::{ForeignList, Pods, Read, Snapshot, Webhooks};
