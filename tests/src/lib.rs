//! Tests that span the workspace: floors, zero allocation, differential, end to end.
