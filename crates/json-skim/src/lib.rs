//! Reads JSON of which most is passed over, and still looks at every byte of it.
//!
//! A pod's body is a name, some labels, and up to a hundred kilobytes that no verdict reads. [`Reader`] is a
//! `serde` deserializer of JSON as an API server writes it: without white space between its words. What it
//! passes over it checks sixty-four bytes at a time, by where in them the quotes, brackets and commas are.
//!
//! It knows one error, [`Unclear`]: the text is wrong, or not as an API server writes it. Then `serde_json`
//! reads it instead, and says what is wrong and where, or that nothing is. So this reader may refuse what
//! that one takes, and never the other way round (RFC 8259, and the depth that `serde_json` allows).

mod reader;
mod skip;
#[cfg(test)]
mod tests;

pub use reader::{Reader, Unclear};
