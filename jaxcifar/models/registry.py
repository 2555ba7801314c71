"""The table of networks. To add one: its class and its `ROWS` in a file, the file's name here."""

from jaxcifar.models import (
    canet,
    cnn,
    convnet,
    encoders,
    linear,
    mobilenet,
    preact,
    resnet,
    shufflenet,
    vgg,
)
from jaxcifar.models.spec import ModelSpec

MODELS: dict[str, ModelSpec] = {
    **cnn.ROWS,
    **vgg.ROWS,
    **resnet.ROWS,
    **canet.ROWS,
    **mobilenet.ROWS,
    **shufflenet.ROWS,
    **encoders.ROWS,
    **convnet.ROWS,
    **preact.ROWS,
    **linear.ROWS,
}
