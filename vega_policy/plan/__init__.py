"""Memory and time of a training run before there is one: no GPU, no weights, no dataset."""
