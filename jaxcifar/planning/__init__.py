"""From a config to groups that fit: names resolved, plans, memory and time, the dry run."""
