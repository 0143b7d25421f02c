from glob import glob

from setuptools import setup

setup(
    name="vega_bringup",
    version="0.1.0",
    packages=["vega_bringup", "vega_bringup.doctor"],
    package_data={"vega_bringup": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_bringup"]),
        ("share/vega_bringup", ["package.xml"]),
        ("share/vega_bringup/launch", sorted(glob("launch/*.py"))),
        ("share/vega_bringup/params", sorted(glob("params/*.yaml"))),
    ],
    entry_points={
        "console_scripts": [
            "doctor = vega_bringup.doctor.command:main",
            "manager_node = vega_runtime.start:main",
        ],
        "vega_runtime.nodes": ["manager_node = vega_bringup.manager_node:main"],
    },
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="Brings the stack up and down.",
    license="Apache-2.0",
)
