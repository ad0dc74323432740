//! The only integration test binary, because each one links the whole product.
//!
//! One module per subject; `support` contains what several of them need.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests fail by panicking, and clippy's own exemption covers `#[test]` functions but not their helpers"
)]

mod admission;
mod audit;
mod audit_docs;
mod audit_show;
mod canon;
mod canon_diff;
mod certs;
mod chart;
mod check;
mod check_docs;
mod cluster;
mod examples;
mod explain;
mod house;
mod image;
mod lint;
mod reach;
mod readme;
mod reference;
mod registration;
mod render;
mod report;
mod reports;
mod review;
mod server;
mod support;
mod threat_model;
mod truth;
