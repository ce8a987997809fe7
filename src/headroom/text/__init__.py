"""What compressors share: lines, queries, selection, rendering. Pure functions over text of any type."""
