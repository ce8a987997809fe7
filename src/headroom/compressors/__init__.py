"""One content type per module; each exposes one `COMPRESSOR`."""
