//! Keeps the server's certificate in a Secret, and the authorities that vouch for it in the registrations.
//!
//! ```text
//! every replica:  look ([`registrations`], then [`secret`]) ─► serve what every registration trusts ─► say how it stands
//! the leader:                                              └─► [`crate::certificates::plan`] ─► one guarded write ─► look again
//! ```
//!
//! Nothing is listed or watched: what is named is read every few seconds, which also is when the wall
//! clock is looked at, so a machine that slept notices within seconds. Reviews wait for none of this.

mod cluster;
mod election;
mod keeping;
mod registrations;
mod secret;
mod standing;

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub use cluster::{Cluster, Fault, Kind};
pub use registrations::{Hook, Registration};
pub use secret::{Found, MANAGED_BY, Public, RENEW, Secret};

use crate::certificates::plan::Wanted;
use crate::server::{Clock, ManagedCertificate};
pub use election::lease::Timing;
use election::{Election, Leading};
use keeping::Keeping;

/// How long giving the Lease back may take at the end.
const RELEASE: Duration = Duration::from_secs(3);

/// What a controller is told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The namespace of the Secret and of the Lease, which have one name.
    pub namespace: String,
    /// Their name.
    pub name: String,
    /// The registrations that get the bundle.
    pub registrations: Vec<String>,
    /// What certificates are wanted.
    pub wanted: Wanted,
    /// Who this process is: no other may have the same.
    pub identity: String,
    /// How often everything is looked at.
    pub every: Duration,
    /// The times of the election.
    pub timing: Timing,
}

/// A controller at work: two tasks of the runtime that it was started in.
#[derive(Debug)]
pub struct Controller {
    stop: watch::Sender<bool>,
    election: JoinHandle<()>,
    keeping: JoinHandle<()>,
}

/// Starts to look after a server's certificate.
pub fn start(cluster: Cluster, certificate: ManagedCertificate, options: Options, clock: Clock) -> Controller {
    let (stop, stopped) = watch::channel(false);
    let (leading, leads) = watch::channel(Leading::default());
    let election = Election::new(cluster.clone(), &options, stopped, leading);
    let keeping = Keeping::new(cluster, certificate, options, clock, leads);
    Controller { stop, election: tokio::spawn(election.run()), keeping: tokio::spawn(keeping.run()) }
}

impl Controller {
    /// Gives the Lease back, so that another replica leads at once. What is served goes on being looked
    /// after until the controller is dropped.
    pub async fn release(&mut self) {
        self.stop.send_replace(true);
        // A task that panicked holds nothing either.
        let _ = timeout(RELEASE, &mut self.election).await;
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.election.abort();
        self.keeping.abort();
    }
}
