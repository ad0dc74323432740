//! Tests of rotations: the plan step by step, and the plan in a simulated cluster with several replicas.

mod rotation;
mod world;
