//! The server, over real TLS.

mod audit;
mod bodies;
mod canon;
mod command;
mod connections;
mod drain;
mod faults;
mod floods;
mod http2;
mod protocol;
mod tls;
mod unanswered;
