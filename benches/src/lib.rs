//! What is measured of `netpol`, and with what: bodies, cases, and the two meters.
//!
//! Instructions and allocations are counted around one call, so that a change cannot hide in noise.

pub mod allocations;
pub mod bodies;
pub mod callgrind;
pub mod canons;
pub mod cases;
pub mod figures;
pub mod floor;
pub mod pods;
pub mod seeds;
pub mod worst;
