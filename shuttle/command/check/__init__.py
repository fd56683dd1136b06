"""The check of a configuration: line by line what works and what does not."""
