"""Delivery: queues batches, decides when they are sent, and follows each until it is delivered or lost."""
