//! The drift controller on a real API server.

mod fights;
mod page;
mod process;
mod repairs;
mod reports;
