"""What measures: throughput, costs, tuned tables, programs for a GPU, the PyTorch side."""
