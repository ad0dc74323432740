//! Which new pods the API server sends: the flag of `registration` and `install`.

use crate::canon::Canons;
use crate::cli::output::Streams;
use crate::registration::{NoPodCondition, Send, pod_condition};
use crate::verdict::Settings;

/// The flag.
#[derive(Debug, clap::Args)]
pub(super) struct SendArgs {
    /// New pods that the API server sends.
    ///
    /// With `needed`, a pod that already has exactly the labels that its grant gives, and neither the host network nor a
    /// network annotation, is created without a call to the servers: faster, and also while no server responds. It is not in
    /// the audit log. A webhook that is called after netpol must not change the labels of such a pod: it would be denied.
    #[arg(long, value_name = "WHICH", value_enum, default_value_t = Send::default())]
    pub(super) send: Send,
}

impl SendArgs {
    /// Warns if every new pod is sent although the flag says otherwise.
    pub(super) fn check(&self, canons: &Canons, settings: &Settings, streams: &mut Streams) {
        // Of a canon without exclusive grants, no other pods than all are needed.
        if let (Send::Needed, Err(reason @ NoPodCondition::TooLong(_))) = (self.send, pod_condition(canons, settings)) {
            streams.warn(&reason.to_string());
        }
    }
}
