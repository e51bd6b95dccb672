//! Recorded deliveries of every forge, verified and read.
