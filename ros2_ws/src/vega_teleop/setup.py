from setuptools import setup

setup(
    name="vega_teleop",
    version="0.1.0",
    packages=["vega_teleop"],
    package_data={"vega_teleop": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_teleop"]),
        ("share/vega_teleop", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [
            "conductor_node = vega_runtime.start:main",
            "keys = vega_runtime.start:main",
            "recorder_node = vega_runtime.start:main",
            "view_node = vega_runtime.start:main",
        ],
        "vega_runtime.nodes": [
            "conductor_node = vega_teleop.unattended_session:main",
            "keys = vega_teleop.keys_command:main",
            "recorder_node = vega_teleop.recorder_node:main",
            "view_node = vega_teleop.view_node:main",
        ],
    },
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="The recorder of demonstrations.",
    license="Apache-2.0",
)
