//! Every limit of the server, in one place, with its default.

use std::time::Duration;

/// Largest size of an ordinary body in bytes. Nearly every review is smaller than 32 KiB.
pub const ORDINARY: usize = 256 << 10;

/// The limits on clients. Limits without a flag are constants of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest request body in bytes: `--max-body`. A real review of 10.5 MB was seen. A stored object has at most 1.5 MiB as
    /// protobuf; one of `ownerReferences` whose fields are one `<` each is 6.55 times as long as JSON, because `<` is escaped
    /// as six bytes. So the two objects of an update have at most about 20.6 MB, of 20.97 MB.
    pub max_body: usize,
    /// Total size of the bodies in flight in bytes: `--body-budget`.
    pub body_budget: usize,
    /// Established connections: `--max-connections`. At the limit, the longest-idle connection is closed. In addition,
    /// four times as many connections can be silent, and half as many can be in their handshake.
    pub max_connections: u32,
    /// Reviews of ordinary size in flight: `--max-reviews`. Further reviews wait until their deadline.
    pub max_reviews: usize,
    /// Connections of the admin port that sent a request.
    pub max_admin_connections: u32,
    /// Time from the accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// Time without a request in flight. Longer than the 90 seconds after which an API server closes an idle
    /// connection: a server that closes first could close a connection on which a review is about to arrive.
    pub idle_timeout: Duration,
    /// Time in which `body_pace` bytes of a body must arrive while other bodies or connections wait.
    pub body_stall: Duration,
    /// Bytes of a body that must arrive in `body_stall`.
    pub body_pace: usize,
    /// After a refusal, the server discards the rest of the body until nothing arrives for this time, so that the client
    /// can read the refusal.
    pub linger: Duration,
    /// Time after SIGTERM in which the server keeps serving but reports not ready: `--drain-delay`.
    pub drain_delay: Duration,
    /// Time after that in which every response asks its client to close the connection.
    pub farewell: Duration,
    /// Time after that for requests in flight.
    pub grace: Duration,
    /// Time between two reads of the certificate and canon files.
    pub reload_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_body: 20 << 20,
            body_budget: 32 << 20,
            max_connections: 512,
            max_reviews: 512,
            max_admin_connections: 32,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(180),
            body_stall: Duration::from_millis(750),
            body_pace: 1 << 20,
            linger: Duration::from_secs(1),
            drain_delay: Duration::from_secs(10),
            farewell: Duration::from_secs(5),
            grace: Duration::from_secs(15),
            reload_every: Duration::from_secs(5),
        }
    }
}
