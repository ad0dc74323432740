//! Plans: exactly the repairs that are needed, whatever the order, until nothing is left to repair.

mod cases;
mod properties;
mod world;
