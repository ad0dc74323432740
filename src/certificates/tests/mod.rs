//! The room's tests: issuing and reading, the plan step by step, and the plan in a world of
//! several replicas where everything happens in between.

mod rotation;
mod world;
