//! What controller and trainer say to each other.
