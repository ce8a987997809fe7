"""Diffs: files, hunks and how they are written back."""
