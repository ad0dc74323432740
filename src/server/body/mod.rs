//! Request bodies: read completely, within a size limit, a shared memory budget and a deadline.
//!
//! - `budget` is the memory that all bodies share; `read` takes a share of it and reads one body.
//! - `buffer` is the memory that a body is collected in.

mod budget;
mod buffer;
mod read;

pub(crate) use budget::Budget;
pub use budget::TooSmall;
pub(crate) use read::{Body, Bounds, Sender, announced, read};
