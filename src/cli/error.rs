//! How a failure reaches the person: the chain of what, where, why on stderr, and the exit code.
