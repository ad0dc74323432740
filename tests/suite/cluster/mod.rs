//! The guard on a real API server: every way around it is closed, and nobody who does right notices it.
//!
//! `harness` has etcd, kube-apiserver and kube-controller-manager, one of each for the whole run, and
//! knows nothing of what is asserted here. A refusal is always tried twice: in a guarded namespace,
//! where it is expected, and in an unguarded one, where the same act must succeed.

mod before_us;
mod certificates;
mod certs_folder;
mod chart;
mod client_certificates;
mod closed;
mod control_plane;
mod deletion;
pub(crate) mod harness;
mod meaning;
mod neighbors;
mod outage;
mod pods;
mod policies;
mod records;
mod rolling;
mod service;
mod softened;
mod transparency;
mod workloads;
