"""Floor 1: the words of the house. Standard library only."""
