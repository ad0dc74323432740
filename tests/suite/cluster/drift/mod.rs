//! The drift controller on a real API server.

mod fights;
mod foreign;
mod process;
mod repairs;
mod reports;
