from setuptools import setup

setup(
    name="vega_arms",
    version="0.1.0",
    packages=["vega_arms", "vega_arms.doctor", "vega_arms.emulator"],
    package_data={"vega_arms": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_arms"]),
        ("share/vega_arms", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": ["arm_node = vega_runtime.start:main"],
        "vega_runtime.nodes": ["arm_node = vega_arms.arm_node:main"],
    },
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="Driver of the Piper arms, and an emulator of them.",
    license="Apache-2.0",
)
