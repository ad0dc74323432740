//! `netpol` guards the network isolation of an abcdesktop.io namespace.

pub mod admission;
pub mod audit;
pub mod canon;
pub mod cli;
pub mod policy;
pub mod registration;
pub mod server;
pub mod verdict;
