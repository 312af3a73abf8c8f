//! Studies, stages, trials, curves, workers and leases in a database.
