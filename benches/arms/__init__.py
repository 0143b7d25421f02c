"""The arm driver over emulated arms."""
