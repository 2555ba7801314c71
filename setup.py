"""The packages of the wheel: the rooms, and the studies of ``configs/`` as `jaxcifar.studies`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["jaxcifar", "jaxcifar.*"]), "jaxcifar.studies"],
    package_dir={"jaxcifar.studies": "configs"},
)
