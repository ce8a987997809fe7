"""Replies of provider APIs, one module per dialect."""
