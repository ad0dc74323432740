//! Request bodies: read completely, within a size limit, a shared memory budget and a deadline.
//!
//! - `budget` is the memory that all bodies share; `read` takes a share of it and reads one body.
//! - `buffer` is the memory that a body is collected in; `spare` keeps that of ordinary bodies for the next ones.

mod budget;
mod buffer;
mod read;
mod spare;

pub(crate) use budget::Budget;
pub use budget::TooSmall;
pub(crate) use read::{Body, Bounds, Sender, announced, read};
