//! Certificates that look after themselves, on a real API server: through the real registration by
//! Service, by a role that may do what it must and nothing else.

mod clock;
mod fixture;
mod keys;
mod outage;
mod replicas;
mod rotation;
mod secret;
mod show;
