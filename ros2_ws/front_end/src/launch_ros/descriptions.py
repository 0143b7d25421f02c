"""Descriptions of node parameters, by the name under which launch files import them."""

from launch.uncovered import module_getattr

from .parameter_descriptions import ParameterFile, ParameterValue

__all__ = ["ParameterFile", "ParameterValue"]

__getattr__ = module_getattr(__name__)
