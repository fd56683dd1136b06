"""The pure core: bytes to lines, frames, batches and counts; it waits for nothing and touches nothing."""
