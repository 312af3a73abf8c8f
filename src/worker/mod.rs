//! Claims trials under a lease and supervises the process that trains them.
