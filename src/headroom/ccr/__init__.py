"""Compress, cache, retrieve: where originals are kept and how parts of them come back."""
