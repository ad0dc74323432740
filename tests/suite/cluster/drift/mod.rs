//! The drift controller on a real API server.

mod fights;
mod pauses;
mod process;
mod repairs;
mod reports;
