"""Rows in columns: layouts, cells and their lossless codes."""
