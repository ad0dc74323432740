//! Connections: from the accept to the close.
//!
//! ```text
//! accept ─► tickets (registry) ─► serve: handshake ─► stream ─► hyper ─► router
//!    port: what all of these share                 link: what is known about one connection
//! ```
//!
//! - `accept` listens, and accepts connections without delay.
//! - `registry` decides which connection to close for a newer one; it is pure, and `tests` compares it with a naive model.
//! - `tickets` is the registry behind a lock, with the orders that reach each connection's task.
//! - `link` is the state of one connection; `stream` counts its bytes and closes it without losing a refusal.
//! - `handshake` completes the TLS handshake; `serve` serves one connection to its end; `port` is what the connections of one port share.

mod accept;
mod handshake;
mod link;
mod port;
mod registry;
mod serve;
mod stream;
#[cfg(test)]
mod tests;
mod tickets;

pub(crate) use accept::{accept, bind, has_no_ipv6, listen, raise_file_limit};
pub(crate) use link::Link;
pub(crate) use port::Port;
pub(crate) use tickets::Connections;
