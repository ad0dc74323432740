//! The drift controller on a real API server.

mod changes;
mod corpus;
mod faults;
mod fights;
mod foreign;
mod leaders;
mod owners;
mod page;
mod pauses;
pub(super) mod process;
mod programs;
mod registration;
mod repairs;
mod reports;
mod secrets;
