"""The ground floor: everything that can be said about films without asking anybody. Standard library only."""
