//! `netpol` guards the network isolation of an abcdesktop.io namespace: pods arrive with the `netpol/`
//! labels that they are granted, or not at all; NetworkPolicies stay what the canonical spec says.
//!
//! The way of a request: [`server`] takes a body off a TLS connection; [`admission`] reads what a verdict
//! needs out of it ([`json_skim`] passes over the rest) and writes the answer; [`verdict`] judges it by the [`canon`], and asks [`policy`] what
//! a NetworkPolicy means; what was refused goes to [`audit`]. [`registration`] is what makes the API
//! server ask; [`cli`] is where flags, files and the clock come in.
//!
//! The rooms in reading order: [`documents`], [`policy`], [`canon`], [`verdict`], [`registration`], [`audit`],
//! [`admission`], [`certificates`], [`server`], [`controller`], [`cli`]. Each knows those before it and
//! none after it.
//!
//! Deliberately absent: no call to the API server while a review waits, no typed Kubernetes objects in
//! the request path (what a newer cluster adds must survive, and must not be passed over), no lock there.

pub mod admission;
pub mod audit;
pub mod canon;
pub mod certificates;
pub mod cli;
pub mod controller;
pub mod documents;
pub mod policy;
pub mod registration;
pub mod server;
pub mod verdict;
