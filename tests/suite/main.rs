//! The one integration test binary: a second one would link the whole product again.
//!
//! A module a subject; `support` holds what several of them need.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test says what it expects by panicking; clippy's own exemption covers `#[test]` functions, not their helpers"
)]

mod admission;
mod audit;
mod audit_docs;
mod canon;
mod certs;
mod chart;
mod check;
mod cluster;
mod house;
mod image;
mod readme;
mod reference;
mod registration;
mod render;
mod reports;
mod review;
mod server;
mod support;
mod threat_model;
