//! Searches of a gallery beside the plain scan.
