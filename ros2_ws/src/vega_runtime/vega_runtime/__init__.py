"""What every node of the stack shares.

`start.main` loads a node, `node.main` runs it and shuts it down cleanly, `lifecycle` gives
transitions that fail with a sentence, `parameters` declares a node's parameters from a dataclass,
`qos` names the profiles, `images` and `diagnostics` fill the messages that several nodes publish,
`stamps` and `joints` read them, `owned` closes what a node has opened, `logs` logs by level.
"""
