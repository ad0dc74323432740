//! Tests of the parts of the page.

mod listed;
mod parts;
