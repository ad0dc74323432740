//! The client of a cluster: how it is configured, and calls of its API server.
//!
//! Objects stay JSON, so fields that a newer cluster adds survive a write. This room knows no object: what is read and written, and why,
//! is decided by the rooms that call it.
//!
//! | file | content |
//! |---|---|
//! | `client` | the calls |
//! | `watch`, `backoff` | follows a collection; pauses between attempts |
//! | `reference` | names of objects and collections, and the sentences of calls that fail |
//! | `failure` | the causes of failures |
//! | `kubeconfig`, `proxy` | the cluster that is configured, and the proxy to reach it |
//! | `sentence` | errors of libraries as sentences |
//! | `fake` | an API server for unit tests |

mod backoff;
mod client;
mod failure;
#[cfg(test)]
pub(crate) mod fake;
mod kubeconfig;
mod proxy;
mod reference;
mod sentence;
mod watch;

pub use backoff::{backoff, jittered};
pub use client::{Cluster, Form, Response, Selectors};
pub use failure::{CallCause, CallError, evaluated};
pub use kubeconfig::Chosen;
pub use reference::{Collection, ObjectRef};
pub use watch::{Followed, News};
