//! The loops that keep a cluster in order: the managed certificate, described here, and the drift controller in [`drift`].
//!
//! The managed certificate: stores it in a Secret, renews it, and publishes its CA bundle to the webhook configurations.
//!
//! ```text
//! every replica:  read `webhook_configurations`, `secret`, `lists` ─► serve the trusted certificate ─► report the `status`
//! the leader:                                                   └─► [`crate::certificates::plan`] ─► one guarded write ─► repeat
//! ```
//!
//! Nothing is listed or watched. The controller reads the named objects every few seconds and compares the certificate with the
//! clock at the same time, so a machine that was suspended renews within seconds. Reviews never wait for the controller.
//!
//! | file | content |
//! |---|---|
//! | `drift/` | the drift controller |
//! | `options` | the configuration of the managed certificate |
//! | `problem` | what keeps the certificate from being managed |
//! | `secret`, `webhook_configurations` | the objects that are read and written |
//! | `election` | the Lease that decides which replica leads |
//! | `micro_time` | times as Kubernetes writes them |
//! | `lists` | the lists of CAs in the annotations of the Lease |
//! | `manager` | the loop that reads, serves, plans and writes |
//! | `registrations` | whether the registrations make API servers send what the servers judge |
//! | `status`, `unknown` | sentences for `/readyz`; CAs that netpol did not introduce |

pub mod drift;
mod election;
mod lists;
mod manager;
mod micro_time;
mod options;
mod problem;
mod registrations;
mod secret;
mod status;
mod unknown;
mod webhook_configurations;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use election::{Candidate, Timing};
pub use options::Options;
pub use problem::{Cause, Problem};
pub use secret::{Content, MANAGED_BY, PublicSecret, RENEW, Secret};
pub use webhook_configurations::{Webhook, WebhookConfiguration};

use crate::cluster::Cluster;
use crate::server::{Clock, ManagedCertificate};
use crate::verdict::Guard;
use election::{Election, Leadership};
use manager::Manager;

/// The field manager of every write.
pub const FIELD_MANAGER: &str = "netpol-certificates";
/// How long the release of the Lease may take at shutdown.
const RELEASE: Duration = Duration::from_secs(3);

/// A running controller: two tasks of the current runtime. Dropping it stops both.
#[derive(Debug)]
pub struct Controller {
    stop: watch::Sender<bool>,
    election: JoinHandle<()>,
    manager: JoinHandle<()>,
}

/// Starts managing the certificate of a server. Its registrations are compared with `guard`.
pub fn start(cluster: Cluster, certificate: ManagedCertificate, guard: Arc<ArcSwap<Guard>>, options: Options, clock: Clock) -> Controller {
    let candidate = Candidate {
        namespace: options.namespace.clone(),
        name: options.name.clone(),
        identity: options.identity.clone(),
        timing: options.timing,
        task: "manages the certificate",
    };
    let (stop, stopped) = watch::channel(false);
    let (sender, leadership) = watch::channel(Leadership::default());
    let election = Election::new(cluster.clone(), candidate, stopped, sender);
    let manager = Manager::new(cluster, certificate, guard, options, clock, leadership);
    Controller { stop, election: tokio::spawn(election.run()), manager: tokio::spawn(manager.run()) }
}

impl Controller {
    /// Releases the Lease, so that another replica can lead immediately. This replica continues to read the Secret and to serve its
    /// certificate until the controller is dropped.
    pub async fn release(&mut self) {
        self.stop.send_replace(true);
        // If the task panicked, the Lease expires.
        let _ = timeout(RELEASE, &mut self.election).await;
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.election.abort();
        self.manager.abort();
    }
}
