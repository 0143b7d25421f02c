"""The doctor's checks of a CAN bus and the arms on it. Nothing that it sends moves an arm."""
