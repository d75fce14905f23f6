"""The video-on-demand pipeline: rooms by world, imports downhill (docs/architecture.md draws the house)."""
