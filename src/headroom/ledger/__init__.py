"""What requests cost, what they would have cost as they came, and what follows from it."""
