//! The guard with a real API server: no request bypasses it, and legitimate requests are unaffected.
//!
//! `harness` starts etcd, kube-apiserver and kube-controller-manager once for the whole run and contains no assertions about
//! `netpol`. Every denial is tested twice: the request is denied in a guarded namespace and succeeds in an unguarded one.

mod analysis;
mod bypass_attempts;
mod canons;
mod certificates;
mod certs_folder;
mod chart;
mod check;
mod claims;
mod client_certificates;
mod control_plane;
mod deletion;
mod drift;
mod floods;
mod foreign;
pub(crate) mod harness;
mod largest;
mod meaning;
mod neighbors;
mod outage;
mod packets;
mod pods;
mod policies;
mod preexisting;
mod records;
mod reviews;
mod rolling;
mod runbook;
mod service;
mod softened;
mod transparency;
mod unsent;
mod workloads;
