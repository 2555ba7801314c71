"""The file formats of CIFAR-10, read from bytes."""
