from setuptools import find_packages, setup

NAME = "vega_sim"

setup(
    name=NAME,
    version="0.1.0",
    description="Digital twin of the cell: MuJoCo task scenes, scripted operator, nodes",
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
    entry_points={
        "console_scripts": [
            "sim_node = vega_runtime.start:main",
            "drive = vega_runtime.start:main",
            "emulation_node = vega_runtime.start:main",
        ],
        "vega_runtime.nodes": [
            "sim_node = vega_sim.sim_node:main",
            "drive = vega_sim.drive_command:main",
            "emulation_node = vega_sim.emulation_node:main",
        ],
    },
)
