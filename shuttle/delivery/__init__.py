"""Batches on their way: what queues them, when they are sent, and what becomes of them."""
