//! The objects in manifest files: reading them, and evaluating each as if it were created now.
//!
//! - `read` parses files; `manifest` is one object; `kinds` maps its kind to a resource.
//! - `created` evaluates an object; `display` prints names and numbers of objects.

pub mod created;
pub mod display;
mod kinds;
mod manifest;
mod read;

pub use manifest::{Manifest, Place};
pub use read::{Contents, read, read_manifests};
