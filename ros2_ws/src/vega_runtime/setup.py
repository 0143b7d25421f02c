from setuptools import setup

setup(
    name="vega_runtime",
    version="0.1.0",
    packages=["vega_runtime"],
    package_data={"vega_runtime": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_runtime"]),
        ("share/vega_runtime", ["package.xml"]),
        ("share/vega_runtime/config", ["config/fastdds_loopback.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="What every node of the stack shares.",
    license="Apache-2.0",
)
