"""Descriptions of node parameters, by the name under which launch files import them."""

from launch.uncovered import plain_module_getattr

from .parameter_descriptions import Parameter, ParameterFile, ParameterValue

__all__ = ["Parameter", "ParameterFile", "ParameterValue"]

__getattr__ = plain_module_getattr(__name__)
