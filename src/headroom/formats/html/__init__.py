"""HTML pages as a reader sees them."""
