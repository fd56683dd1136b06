"""The drains: turn batches into requests and answers into verdicts, over HTTP."""
