//! What is asked of the store does not become slower as rows gather. Each call is made beside many rows of one model of one
//! source, which is the worst case for an index: on SQLite the plan of every statement is looked at, on PostgreSQL the rows
//! that it read are counted.

mod calls;
mod plans;
mod rows;

/// Runs in the store, and about as many rows of everything else that gathers.
const ROWS: usize = 20_000;
