//! The objects in manifest files: reading them, and evaluating each as if it were created now.

pub mod created;
pub mod display;
mod kinds;
mod manifest;
mod read;

pub use manifest::{Manifest, Place};
pub use read::{Contents, read, read_manifests};
