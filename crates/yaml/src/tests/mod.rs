//! Tests of trees, paths and plain scalars; those of typed reading are in `reading`.
mod hints;
mod reading;
mod spans;
mod written;
