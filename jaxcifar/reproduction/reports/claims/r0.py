"""R0: activations, losses, optimizers, schedules, best settings."""

from jaxcifar.reproduction.reports.claims.statement import Claim, close, higher, lower, value
from jaxcifar.reproduction.reports.measures import Cell


def _loss(name: str, measure: str) -> Cell:
    return Cell("r0_loss", f"R0-loss-{name}", measure)


def _act(name: str, measure: str = "test_best") -> Cell:
    return Cell("r0_activation", f"R0-act-{name}", measure)


def _optim(name: str) -> Cell:
    return Cell("r0_optimizer", f"R0-opt-{name}")


def _schedule(name: str, measure: str = "test_best") -> Cell:
    return Cell("r0_schedule", f"R0-sched-{name}", measure)


CLAIMS: tuple[Claim, ...] = (
    close("LeakyReLU and ReLU are close (difference)", _act("leaky"), _act("relu"), 0.0014),
    lower("ELU is clearly worse than LeakyReLU (difference)", _act("elu"), _act("leaky"), -0.02),
    higher("The leak revives dying units: more dead channels with ReLU (difference of the mean "
           "shares over layers that an activation follows, after training)",
           _act("relu", "dead"), _act("leaky", "dead")),
    higher("Cross entropy is the most stable, focal loss less so (root mean square change of the "
           "accuracy from epoch to epoch in the second half, difference)",
           _loss("focal", "roughness"), _loss("ce", "roughness")),
    lower("Focal loss is fast (epochs to 80 %, difference from cross entropy)",
          _loss("focal", "epochs_to@0.8"), _loss("ce", "epochs_to@0.8")),
    Claim("Label smoothing gains with long training (rise after epoch 50)",
          (_loss("ls", "rise_after@50"),), None, 1, tuple),
    Claim("Mean squared error gains with long training (rise after epoch 50)",
          (_loss("mse", "rise_after@50"),), None, 1, tuple),
    higher("Adam beats sign-SGD (difference)", _optim("adam"), _optim("signsgd"), 0.0578),
    higher("Sign-SGD beats SGD (difference)", _optim("signsgd"), _optim("sgd"), 0.0406),
    close("Step and plateau almost tie (difference)",
          _schedule("step"), _schedule("plateau"), 0.0009),
    close("Cosine and step almost tie (difference)",
          _schedule("cosine"), _schedule("step"), 0.0045),
    *(higher(f"{name.capitalize()} is smoother than step (root mean square change of the loss from "
             f"epoch to epoch in the second half, step minus {name})",
             _schedule("step", "loss_roughness"), _schedule(name, "loss_roughness"))
      for name in ("plateau", "cosine")),
    value("The best settings reach 91.53 %", Cell("r0_best", "R0-best"), 0.9153),
    value("Averaged weights reach 85.17 %", Cell("r0_swa", "R0-swa", "test_swa"), 0.8517),
    value("The small ResNet with AdamW reaches 95.22 %", Cell("r0_resnet", "R0-resnet"), 0.9522),
)  # fmt: skip
