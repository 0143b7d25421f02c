from setuptools import find_packages, setup

setup(
    name="vega_cameras",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"vega_cameras": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_cameras"]),
        ("share/vega_cameras", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": ["cameras_node = vega_runtime.start:main"],
        "vega_runtime.nodes": ["cameras_node = vega_cameras.cameras_node:main"],
    },
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="RealSense driver of the three cameras, and software cameras.",
    license="Apache-2.0",
)
