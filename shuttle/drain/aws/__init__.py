"""The AWS drains: send batches as records, in signed requests."""
