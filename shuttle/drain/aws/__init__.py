"""Amazon's streams: a batch as records, signed."""
