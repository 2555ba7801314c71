"""The loss landscape: around trained weights or anyone's own, and over learning rates.

>>> found = landscape.surface("runs/mine", "lr=0.001", resolution=25)
>>> mine = landscape.of_loss(loss, params, batches)  # of any loss(params, batch)
>>> landscape.line(mine, resolution=101).loss
>>> landscape.hessian(mine, top=5).eigenvalues
>>> landscape.probe(mine, sizes=[0.1, 0.2]).distance
"""

from jaxcifar.landscape.covariate_shift import covariate_shift
from jaxcifar.landscape.hessian import hessian, hessian_product
from jaxcifar.landscape.objective import Objective, of_loss, of_member
from jaxcifar.landscape.slices import line, surface
from jaxcifar.landscape.step_probes import probe
from jaxcifar.landscape.sweep import (
    StepBand,
    band,
    default_numbers,
    init_states,
    sweep_program,
    sweep_step,
    sweep_steps,
)
from jaxcifar.landscape.trajectory import trajectory
from jaxcifar.records.covariate_shift import Shift
from jaxcifar.records.hessians import Hessian
from jaxcifar.records.landscapes import Landscape
from jaxcifar.records.step_probes import StepProbes

__all__ = [
    "Hessian",
    "Landscape",
    "Objective",
    "Shift",
    "StepBand",
    "StepProbes",
    "band",
    "covariate_shift",
    "default_numbers",
    "hessian",
    "hessian_product",
    "init_states",
    "line",
    "of_loss",
    "of_member",
    "probe",
    "surface",
    "sweep_program",
    "sweep_step",
    "sweep_steps",
    "trajectory",
]
