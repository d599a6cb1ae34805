//! Tests against a real timing card, or a simulated one behind a real kernel.
