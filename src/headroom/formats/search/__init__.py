"""Search results: hits, their files and their forms."""
