"""Metadata and dependencies of videocnn; tool settings live in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r'__version__ = "(.+)"', (here / "videocnn" / "__init__.py").read_text(encoding="utf-8")).group(1)

NOTEBOOKS = ["ipykernel", "nbclient>=0.10", "nbformat>=5.10", "psutil"]
TEST = [
    "pytest>=8",
    "pytest-timeout",
    "pytest-xdist",
    "hypothesis",
    "scikit-learn",
    "ruff>=0.6",
    "import-linter>=2",
    "nbmake",
    *NOTEBOOKS,
]

setup(
    name="videocnn",
    version=version,
    description="Large-scale video classification with CNNs in Keras: the networks of Karpathy et al. (CVPR 2014)",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The videocnn authors",
    license="Apache-2.0",
    classifiers=[
        "Programming Language :: Python :: 3",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=["videocnn", "videocnn.*"]),
    package_data={"videocnn": ["py.typed"], "videocnn.report.html": ["templates/*"]},
    install_requires=[
        "tensorflow>=2.17",
        "keras>=3.6",
        "numpy",
        "av>=17.1",  # Older ones convert BT.709 and full-range pictures with the wrong matrix.
        "matplotlib",
        "typer>=0.12",
        "rich",
        "jinja2>=3.1",
        "pillow>=10.1",
        "lazy_loader>=0.4",
        "rarfile>=4.2",
    ],
    extras_require={
        "gpu": ["tensorflow[and-cuda]>=2.17"],
        "tfio": ["tensorflow-io>=0.37; sys_platform != 'win32' and python_version < '3.13'"],
        "tensorboard": ["tensorboard"],
        # onnx 1.19.0 does not import beside TensorFlow 2.17's ml-dtypes.
        "export": ["onnx!=1.19.0", "tf2onnx>=1.17", "onnxruntime"],
        "test": TEST,
        # What tests hold results against; apart, because their newest need a NumPy that TensorFlow 2.17 cannot take.
        "peers": ["jax", "opencv-python-headless", "tensorboard"],
        # Pages are tested in a browser that is on the machine (Chromium); nothing is downloaded for it.
        "browser": ["playwright", "axe-playwright-python"],
        # What the course needs to be opened, and to be executed anew.
        "notebooks": ["jupyter", *NOTEBOOKS],
        "docs": ["mkdocs>=1.6", "mkdocs-material>=9.5", "mkdocs-ipynb", "mkdocstrings[python]", "latex2mathml"],
        "bench": ["torch", "opencv-python-headless"],
    },
    entry_points={"console_scripts": ["videocnn = videocnn.cli:main"]},
)
