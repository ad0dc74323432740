//! The server, over real TLS.

mod bodies;
mod canon;
mod command;
mod connections;
mod drain;
mod faults;
mod http2;
mod protocol;
mod tls;
