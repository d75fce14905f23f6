"""Chaos: hundreds of uploads under faults that a seed chose, and a look afterwards whether every promise was kept."""
