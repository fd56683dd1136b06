"""What is kept on the disk: checkpoints, and the batches of the spool."""
