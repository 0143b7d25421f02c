"""The network: vision towers, language model, action heads, and the order of tokens."""
