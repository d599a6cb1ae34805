//! A simulated timing card and sky behind the Source trait, and numbered scenarios.
