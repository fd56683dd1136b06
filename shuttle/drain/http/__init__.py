"""HTTP to a drain: connections, TLS, and one attempt."""
