from setuptools import setup

setup(
    name="vega_control",
    version="0.1.0",
    packages=["vega_control"],
    package_data={"vega_control": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_control"]),
        ("share/vega_control", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [
            "estop = vega_runtime.start:main",
            "gate_node = vega_runtime.start:main",
        ],
        "vega_runtime.nodes": [
            "estop = vega_control.estop_command:main",
            "gate_node = vega_control.gate_node:main",
        ],
    },
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="The command gate of the arms.",
    license="Apache-2.0",
)
