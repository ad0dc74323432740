//! Certificates that look after themselves, on a real API server: through the real registration by
//! Service, by a role that may do what it must and nothing else.

mod fixture;
mod rotation;
mod secret;
