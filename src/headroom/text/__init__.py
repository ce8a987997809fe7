"""What compressors share: lines, queries, selection, rendering. Pure functions over text, no content type of their own."""
