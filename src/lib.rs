//! `netpol` guards the network isolation of an abcdesktop.io namespace: pods have exactly the `netpol/` labels
//! that they are granted, and NetworkPolicies mean what the canonical spec says.
//!
//! The path of a request: [`server`] reads a body from a TLS connection; [`admission`] parses the facts that a
//! verdict needs ([`json_skim`] skips the rest) and writes the response; [`verdict`] judges the facts by the
//! [`canon`], with [`policy`] for what a NetworkPolicy means; [`audit`] records denials. [`registration`]
//! generates the webhook configurations that make the API server send reviews. [`analysis`] tells which endpoints
//! can connect, for commands, and [`report`] makes a page of it. [`drift`] tells what is wrong in a cluster. [`cli`] reads flags, files
//! and the clock.
//!
//! The rooms in reading order: [`documents`], [`policy`], [`canon`], [`analysis`], [`report`], [`verdict`], [`registration`], [`drift`],
//! [`audit`], [`admission`], [`certificates`], [`server`], [`cluster`], [`controller`], [`cli`]. Each knows only the rooms before it.
//!
//! Deliberately absent from the request path: calls to the API server, locks, and typed Kubernetes objects, which
//! would drop or ignore the fields that a newer Kubernetes adds.

pub mod admission;
pub mod analysis;
pub mod audit;
pub mod canon;
pub mod certificates;
pub mod cli;
pub mod cluster;
pub mod controller;
pub mod documents;
pub mod drift;
pub mod policy;
pub mod registration;
pub mod report;
pub mod server;
pub mod verdict;
