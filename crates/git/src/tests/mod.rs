//! Tests of this crate against real git servers over smart HTTP and SSH.

mod answers;
mod batch;
mod catch_up;
mod disk;
mod export;
mod faults;
mod fetch;
mod lfs;
mod lineage;
mod native;
mod notes;
mod push_promotion_branch;
mod read;
mod remote;
mod server;
mod signing;
mod ssh;
mod tls;
mod world;
mod write;
