"""What rotation does to the files of a path."""
