//! What tests share: the simulator as a transport, a destination in memory, and runs of both.

pub mod memory;
pub mod transport;
pub mod world;
