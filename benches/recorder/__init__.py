"""The recorder, under the load of a whole cell."""
