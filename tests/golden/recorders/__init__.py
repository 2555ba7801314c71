"""What PyTorch and friends compute: one module a part, each with ``record()``."""
