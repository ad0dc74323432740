//! Measurements of `netpol`: bodies, cases, and the counters of instructions and allocations.
//!
//! Both counters measure a single call, so the results contain no noise.

pub mod allocations;
pub mod bodies;
pub mod callgrind;
pub mod canons;
pub mod cases;
pub mod figures;
pub mod floor;
pub mod pods;
pub mod seeds;
pub mod worlds;
pub mod worst;
