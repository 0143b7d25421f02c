"""One episode of a policy: its course, its figures, its video, and the node that runs it."""
