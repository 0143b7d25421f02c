"""The doctor's checks of the cameras."""
