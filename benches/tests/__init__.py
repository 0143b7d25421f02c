"""Whether the benches find what they look for."""
