"""The check of a configuration: says line by line what works and what does not."""
