"""The benchmark harness: measures this project and its peers in one run."""
