//! cluster

pub mod dirs;
pub mod tools;
