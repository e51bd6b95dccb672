//! The gate: reads evaluations, judges them by policies, and renders verdicts.
pub mod evaluation;
pub mod policy;
