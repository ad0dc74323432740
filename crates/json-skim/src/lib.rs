//! Reads JSON from which a program needs a few fields, and checks every byte of it.
//!
//! [`Reader`] is a `serde` deserializer for JSON as an API server writes it: without white space between
//! tokens. It finds the end of a value that the target type ignores with vector instructions, 64 bytes at a
//! time. [`Raw`] is the text of a value that is checked now and read later.
//!
//! The only error is [`Unclear`]: the text is not valid JSON, or it is valid but not written the way this
//! reader expects. The caller then reads the same text with `serde_json`, which accepts it or describes the
//! error. This crate accepts a subset of what `serde_json` accepts and reads the same values from it.
//!
//! | file | content |
//! |---|---|
//! | `reader`, `raw` | the deserializer; a value that is checked now and read later |
//! | `skip` | finds the end of a value, with the vector instructions that the processor has |
//! | `word` | finds the end of `true`, `false`, `null` or a number |
//! | `walk`, `masks` | finds the end of a map or list in blocks of 64 bytes; bit masks of a block |

mod masks;
mod raw;
mod reader;
mod skip;
#[cfg(test)]
mod tests;
mod walk;
mod word;

pub use raw::Raw;
pub use reader::{Reader, Unclear};

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
