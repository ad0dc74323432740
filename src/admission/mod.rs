//! The protocol: turns the bytes of an `AdmissionReview` into the bytes of the answer.
//!
//! ```text
//! bytes ─► envelope ─► verdict::wanted ─► objects (facts) ─► verdict::judge ─► findings ─► verdict::conclude ─► response, record
//!             └► uid, if the envelope cannot be read
//! ```
//!
//! A review is read from outside to inside: first the envelope, which names the kind of the object, then the object
//! itself. `read` tries `json_skim` first. If that fails, it reads the same text with `serde_json`, which accepts it or
//! finds the wrong field. One synchronous, total function: no call, no clock, no lock, no copy of the body.
//!
//! | file | content |
//! |---|---|
//! | `answer`, `decision` | from the body to the answer; a request with what its verdict depends on |
//! | `envelope`, `protocol` | a review without its objects; the supported version |
//! | `read` | reads JSON into a struct, and names the field that is wrong |
//! | `objects`, `pods` | reads the objects into facts; reads a review of a pod in one pass |
//! | `uid` | finds the uid if the envelope cannot be read, or if only the start of a body is known |
//! | `response`, `patch` | writes the review with its patch |
//! | `record` | the audit record |

mod answer;
mod decision;
mod envelope;
mod objects;
mod patch;
mod pods;
mod protocol;
mod read;
mod record;
mod response;
#[cfg(test)]
mod tests;
mod uid;

pub use answer::{Answer, Explained, Tally, answer, explain};
pub use uid::stated as stated_uid;
