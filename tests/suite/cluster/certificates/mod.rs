//! Managed certificates with a real API server: the registration refers to a Service, and the account has only the rights that it
//! needs.

mod clock;
mod fixture;
mod keys;
mod outage;
mod replicas;
mod rotation;
mod secret;
mod show;
mod unknown_ca;
mod watched;
