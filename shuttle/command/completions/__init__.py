"""Completions of a command line for bash, zsh and fish, made from the declarations of the flags."""
