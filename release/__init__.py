"""The parts of a release beside the package."""
