"""A recipe's fields of the geometry teacher."""

from pydantic import Field

from vega_policy.teachers.kind import TeacherConfig


class GeometryConfig(TeacherConfig):
    """The geometry teacher, see :mod:`vega_policy.teachers.geometry`."""

    classes: int = Field(default=12, gt=0, description="largest number of segmentation classes")
    frequencies: int = Field(default=6, gt=0, description="sine-cosine pairs a coordinate")
    longest_m: float = Field(default=2.0, gt=0, description="longest wavelength, m")
    shortest_m: float = Field(default=0.08, gt=0, description="shortest wavelength, m")
    class_weight: float = Field(default=2.0, gt=0, description="scale of the class fractions")

    @property
    def width(self) -> int:
        """Of a patch's feature: the encoded point, the classes' shares, the surface's."""
        return 6 * self.frequencies + self.classes + 1
