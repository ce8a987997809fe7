"""Configuration files line by line."""
