"""The published studies: their numbers, ours beside them, verdicts by rule."""
