"""VEGA policies without ROS: the model, its alignment, training, checkpoints and inference."""
