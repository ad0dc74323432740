//! The drift controller: watches a cluster, says what is wrong in it, and repairs it on request.
//!
//! ```text
//! watches ─► stores ─► snapshot ─► [`crate::drift::plan`] ─► tell (log, events, report, metrics, page of the status)
//!                                                     └────► act (the leader in repair mode): one write at a time
//! ```
//!
//! Every replica watches and plans, so that each can tell its state. Only the leader writes: repairs, events, reports and probes.
//! Each watch has its own connection and its own pauses. Nothing is repaired that is not known at the moment, and no repair
//! overwrites a change that was not seen.
//!
//! | file | content |
//! |---|---|
//! | `run` | the tasks, and the loop that plans |
//! | `store`, `stores` | what one watch has told; everything that is watched, and its snapshot |
//! | `watches`, `foreign` | the watches; the lists of foreign policies |
//! | `pauses`, `act` | whether every pause of repair was seen; writes repairs |
//! | `tell`, `events`, `quota` | what is said once; events; how many are written |
//! | `report` | the report object |
//! | `probe` | tests whether the webhook is called |
//! | `metrics`, `status` | metrics; what `/livez` and `/readyz` say |
//! | `page/` | the page of what this process sees |

mod act;
mod events;
mod foreign;
mod metrics;
mod page;
mod pauses;
mod probe;
mod quota;
mod report;
mod run;
mod status;
mod store;
mod stores;
mod tell;
mod watches;

use std::time::Duration;

pub use foreign::read as read_foreign;
pub use probe::probe;
pub use run::{Ended, run};
pub use status::Status;

use super::election::Candidate;
use crate::drift::Repair;

/// The field manager of everything that the controller writes.
pub use crate::drift::FIELD_MANAGER;

/// What the controller does about findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reports them.
    Report,
    /// Repairs them, too.
    Repair,
}

/// The configuration of the drift controller.
#[derive(Debug, Clone)]
pub struct DriftOptions {
    /// Who takes part in the election.
    pub candidate: Candidate,
    /// What to do about findings.
    pub mode: Mode,
    /// How objects are repaired.
    pub repair: Repair,
    /// The time between two probes; none if it is zero.
    pub probe_interval: Duration,
    /// The name of the webhook configurations.
    pub registration: String,
}
