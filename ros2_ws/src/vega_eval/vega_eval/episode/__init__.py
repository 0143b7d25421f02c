"""One episode of a policy: its state machine, its figures, its video, and the node that runs it."""
