//! Plans: exactly the repairs that are needed, whatever the order, until nothing is left to repair.

mod canonical_foreign;
mod cases;
mod own_canons;
mod pauses;
mod programs;
mod properties;
mod world;
