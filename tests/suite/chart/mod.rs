//! The Helm chart, rendered by the real helm. `cluster::chart` tests it in a cluster.

pub(crate) mod alerts;
mod certs_folder;
pub(crate) mod dashboard;
mod generated;
mod install;
mod notes;
mod objects;
mod promtool;
mod readme;
mod refusals;
mod registration;
mod schema;
pub(crate) mod sets;
