//! Tests of the parts of the page.

mod parts;
