"""HTTP to a drain: one attempt, connections and TLS."""
