"""The loop: a study, its groups, segments and what happens at their cuts."""
