//! The drift controller on a real API server.

mod corpus;
mod fights;
mod process;
mod repairs;
mod reports;
