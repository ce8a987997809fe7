"""Written language: sentences, passages and what they are worth."""
