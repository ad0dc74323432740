//! The page of `netpol report` and of the controller: one HTML document that shows who reaches whom, why, and what is odd about the
//! policies.
//!
//! Pure: [`render`] makes the bytes from its [`Input`] alone, so that the same input gives the same bytes. The page requests
//! nothing, has no script, and its Content-Security-Policy forbids both. Every text is escaped by its type.
//!
//! | file | content |
//! |---|---|
//! | `input`, `manifest` | what the page is made of; a policy as it is shown |
//! | `text` | text that cannot change the page or the direction of writing |
//! | `model` | the endpoints as the page shows them, and the connections between them |
//! | `reasons` | why each connection is open or denied: equal reasons of one endpoint once |
//! | `drift` | the policies in comparison with the canon |
//! | `links`, `marks` | anchors and links within the page; severities |
//! | `page`, `state` | the document with its head; its summary |
//! | `live` | what a controller found in a cluster |
//! | `findings`, `matrix`, `sections`, `policies` | the parts of the page |
//! | `graph/` | the graph as SVG |
//! | `data` | the data as JSON |

mod data;
mod drift;
mod findings;
mod graph;
mod input;
mod links;
mod live;
mod manifest;
mod marks;
mod matrix;
mod model;
mod page;
mod policies;
mod reasons;
mod sections;
mod state;
mod text;

#[cfg(test)]
mod tests;

pub use input::Input;
pub use live::{Found, Live, Section};
pub use manifest::manifest;
pub use page::{CONTENT_POLICY, Rendered, render};
