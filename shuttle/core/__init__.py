"""The pure core: turns bytes into lines, frames, batches and counts, without waiting and without side effects."""
