"""Source files: languages, outlines and what stays in them."""
