from setuptools import setup

setup(
    name="vega_inference",
    version="0.1.0",
    packages=["vega_inference"],
    package_data={"vega_inference": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_inference"]),
        ("share/vega_inference", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": ["policy_node = vega_runtime.start:main"],
        "vega_runtime.nodes": ["policy_node = vega_inference.policy_node:main"],
    },
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="The policy node: observation in, action chunk out.",
    license="Apache-2.0",
)
