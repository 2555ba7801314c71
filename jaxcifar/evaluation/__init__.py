"""What trained networks are worth: scores, summaries, probes, and networks back from disk."""
