//! Tests that calls of the store do not become slower as the number of rows grows. Each call runs beside many rows of one model
//! of one source, which is the worst case for an index. On SQLite the tests check the plan of every statement; on PostgreSQL they
//! count the rows that it read.

mod calls;
mod plans;
mod rows;

/// Number of runs in the store; other growing tables have about as many rows.
const ROWS: usize = 20_000;
