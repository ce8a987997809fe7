"""What compressors know of each content type: how it is parsed, scored and written. One package per type."""
