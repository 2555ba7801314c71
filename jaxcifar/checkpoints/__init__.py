"""Snapshots through Orbax, sealed; weights of a run; first weights from another run."""
