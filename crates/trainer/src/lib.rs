//! Trains and evaluates one model.
