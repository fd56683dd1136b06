"""What a release has beside the package."""
