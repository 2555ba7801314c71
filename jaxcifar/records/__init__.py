"""Run folders and their record files, written, read and summed up in NumPy."""
