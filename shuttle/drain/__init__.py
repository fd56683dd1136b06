"""Where batches go: a batch to a request, an answer to a verdict, and what carries the two."""
