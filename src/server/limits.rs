//! Every limit of the server, in one place, with its default.

use std::time::Duration;

/// What bounds clients. The defaults hold for `serve`; those without a flag are constants of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body in bytes: `--max-body`. A real review of 10.5 MB was seen.
    pub max_body: usize,
    /// What all bodies in flight hold together at most, in bytes: `--body-budget`.
    pub body_budget: usize,
    /// How many connections there are at most: `--max-connections`. Past it the one that has been
    /// idle or silent longest goes, and if there is none new ones wait.
    pub max_connections: u32,
    /// Up to how many connections idle ones keep the buffers that they were read and written with.
    pub warm_connections: usize,
    /// How many ordinary reviews are in flight at most: `--max-reviews`. More wait, until their deadline.
    pub max_reviews: usize,
    /// How many connections the admin port has at most.
    pub max_admin_connections: u32,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take from its first byte, and the first one from the handshake.
    pub header_timeout: Duration,
    /// How long a connection may be idle. Longer than the 90 seconds after which an API server closes
    /// one itself: whoever closes first must not be the one that is about to be sent a review.
    pub idle_timeout: Duration,
    /// How long a connection must have been idle before it can be asked to go for another.
    pub idle_settle: Duration,
    /// How long a body may stand still while others wait for its memory, or for a connection. With the
    /// time that it takes to see it, nobody waits for such a one longer than a second.
    pub body_stall: Duration,
    /// How many bytes must arrive in that time, or the body counts as standing still.
    pub body_pace: usize,
    /// How long a client is listened to that was still sending when it was answered.
    pub linger: Duration,
    /// How long the server goes on as before when it is told to end, so that endpoints forget it: `--drain-delay`.
    pub drain_delay: Duration,
    /// How long every answer then tells its client to close.
    pub farewell: Duration,
    /// How long requests may then still take.
    pub grace: Duration,
    /// How often certificates and canon are read again.
    pub reload_every: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_body: 16 << 20,
            body_budget: 32 << 20,
            max_connections: 512,
            warm_connections: 64,
            max_reviews: 512,
            max_admin_connections: 32,
            handshake_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(180),
            idle_settle: Duration::from_secs(1),
            body_stall: Duration::from_millis(750),
            body_pace: 256 << 10,
            linger: Duration::from_secs(1),
            drain_delay: Duration::from_secs(10),
            farewell: Duration::from_secs(5),
            grace: Duration::from_secs(15),
            reload_every: Duration::from_secs(5),
        }
    }
}
