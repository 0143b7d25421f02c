from setuptools import find_packages, setup

NAME = "vega_description"

setup(
    name=NAME,
    version="0.1.0",
    description="MJCF of the Piper arm and the Cobot Magic cell, frames and kinematics",
    license="Apache-2.0",
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    packages=find_packages(exclude=["test"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
)
