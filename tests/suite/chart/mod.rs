//! The Helm chart, rendered by the real helm. What it does in a cluster is in `cluster::chart`.

mod certs_folder;
mod generated;
mod install;
mod objects;
mod readme;
mod refusals;
mod registration;
mod schema;
pub(crate) mod sets;
