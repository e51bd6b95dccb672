//! The gate's tests: what policies are read, what verdicts say, and whether the bounds keep what they promise.

mod calibration;
mod judging;
mod reading;
#[expect(
    clippy::unreadable_literal,
    clippy::type_complexity,
    clippy::doc_markdown,
    reason = "a script writes the values as `SciPy` prints them"
)]
mod reference;
mod sample;
mod statistics;
