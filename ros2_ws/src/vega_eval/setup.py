from setuptools import setup

setup(
    name="vega_eval",
    version="0.1.0",
    packages=[
        "vega_eval",
        "vega_eval.episode",
        "vega_eval.failure_types",
        "vega_eval.paper_results",
        "vega_eval.report",
        "vega_eval.session",
        "vega_eval.statistics",
        "vega_eval.trials",
        "vega_eval.twin",
    ],
    package_data={
        "vega_eval": ["py.typed"],
        "vega_eval.paper_results": ["*.yaml"],
        "vega_eval.report": ["templates/*.html"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/vega_eval"]),
        ("share/vega_eval", ["package.xml"]),
    ],
    entry_points={
        "console_scripts": [
            "episode_node = vega_runtime.start:main",
            "operator = vega_runtime.start:main",
            "session_node = vega_runtime.start:main",
        ],
        "vega_runtime.nodes": [
            "episode_node = vega_eval.episode.episode_node:main",
            "operator = vega_eval.session.operator_command:main",
            "session_node = vega_eval.session.session_node:main",
        ],
    },
    install_requires=["setuptools"],
    zip_safe=True,
    maintainer="VEGA maintainers",
    maintainer_email="maintainers@vega-robotics.dev",
    description="Episodes and sessions of trials: played, judged, recorded, reported.",
    license="Apache-2.0",
)
