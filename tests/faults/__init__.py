"""Oracles: the real command, everything that can go wrong drawn at random, and books that must agree at the end."""
