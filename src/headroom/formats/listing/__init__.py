"""Paths and trees as listings print them."""
