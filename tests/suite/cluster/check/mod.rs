//! `netpol check` on a real cluster.

mod brown_field;
mod permissions;
mod plugins;
mod probe;
mod programs;
mod rereads;
pub(super) mod run;
mod size;
