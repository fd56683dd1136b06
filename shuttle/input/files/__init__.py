"""Files that are followed: found, watched, recognised, read in turn."""
