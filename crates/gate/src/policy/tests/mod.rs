//! The gate's tests: what policies are read, what verdicts say.

mod alike;
mod baselines;
mod checking;
mod closed;
mod data;
mod empty;
mod expecting;
mod extending;
mod fitting;
mod judging;
mod own;
mod planning;
mod ranking;
mod reading;
mod sample;
mod shipping;
mod slicing;
mod using;
