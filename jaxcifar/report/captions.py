"""What a report says below each figure; `{split}` is the split that chose the best epoch."""

import re

CAPTIONS = {
    "loss_band_steps": "Minibatch training loss at each step. Shaded: from the lowest to the "
    "highest run of a network over its learning rates, where it has several; line: their mean.",
    "loss_band_epochs": "Training loss, epoch means. Shaded: from the lowest to the highest run "
    "of a network over its learning rates, where it has several; line: their mean.",
    "gradient_range": "Range of the entries of the last layer's gradient at the lowest learning "
    "rate, epoch means of each step's smallest and largest entry.",
    "gradient_range_all": "Range of the entries of the last layer's gradient, a panel a learning "
    "rate.",
    "first_conv_gradient": "L2 norm of the gradient of the first convolution's kernel, epoch "
    "means, a panel a network.",
    "loss_curves": "Loss of every run, a panel a network. Solid: {split}; dotted: training, mean "
    "of the epoch's step losses.",
    "accuracy_curves": "Accuracy of every run, a panel a network. Solid: {split}; dotted: "
    "training, running accuracy of the epoch's minibatches.",
    "learning_rates": "Learning rate at every step.",
    "accuracy_best_lines": "Accuracy on: {split}, on logarithmic axes. Pale: the curve of a run; "
    "line: its highest value so far; broad and grey: the highest of all runs.",
    "loss_best_lines": "Loss on: {split}, on logarithmic axes. Pale: the curve of a run; line: its "
    "lowest value so far; broad and grey: the lowest of all runs.",
    "accuracy_by_size": "Test accuracy of every member over the number of its parameters; "
    "published values, where there are any, are joined to ours.",
    "confusion_matrix": "Test images by true class (rows) and predicted class. The colour is the "
    "share of the true class, on a square-root scale.",
    "class_accuracy": "Test accuracy of each class.",
    "reliability": "Test accuracy in 15 bins of confidence, the probability of the predicted "
    "class, and its distance to the mean confidence there. ECE, the expected calibration error, is "
    "the mean distance, weighted by images. Below: the share of images in each bin.",
    "sample_predictions": "The first test images: true class, predicted class and its probability.",
    "activation_rms": "Root mean square of every layer's output over 256 training images without "
    "augmentation, before and after training. Before it, BatchNorm uses the batch's statistics.",
    "dead_units": "Share of channels whose output is 0 or less at every place of 256 training "
    "images without augmentation, of every layer that an activation follows.",
    "first_filters": "Kernels of the first convolution as colours, the largest in norm first.",
    "weight_histograms": "Weights of the first, the middle and the last kernel: a ridge an epoch.",
    "canet_block": "CANet's block, after its definition. SA: spatial attention; SE: channel "
    "attention; U: the unit transform, one for both paths.",
    "attention_weights": "Weights in CANet's first block, a ridge an epoch: a convolution, channel "
    "attention (SE), spatial attention (SA), the unit transform.",
    "attention_maps": "CANet's spatial attention on test images, a column a block.",
    "loss_variation": "Variation of the loss (after arXiv:1805.11604): the minibatch's loss after "
    "steps of several sizes along its gradient, from the lowest to the highest. These steps are "
    "looked at and not taken; this is no band over learning rates.",
    "gradient_predictiveness": "Gradient predictiveness: L2 norm of how much the gradient changes "
    "when such a step is taken, from the smallest to the largest.",
    "gradient_cosine": "The same as the cosine of the angle between the two gradients: 1 = the "
    "direction is kept.",
    "effective_smoothness": "Effective beta-smoothness: the largest change of the gradient over "
    "the distance moved, of all step sizes.",
    "distance_profile": "Change of the gradient over the step size, early in training and at the "
    "last probe.",
    "covariate_shift_distance": "Internal covariate shift (after arXiv:1805.11604): L2 distance "
    "between the gradients of a layer before and after the layers before it, and only they, took "
    "the next step of training. The second, the middle and the last layer.",
    "covariate_shift_cosine": "The same as the cosine of the angle between the two gradients: 1 = "
    "the direction is kept.",
    "covariate_shift_layers": "Internal covariate shift of every layer that the networks have in "
    "common. Marks: medians over training; bars: 10 to 90 % of it.",
    "activation_distributions": "Distribution of what the first, the middle and the last layer "
    "pass on to the activation, over training: quantiles, median and mean.",
    "singular_values": "Singular values of the kernels of CANet's unit transforms, over each "
    "kernel's largest.",
}

DRAWINGS = {"canet_block"}  # show no data

LANDSCAPES = {
    "surface": "The loss around trained weights, over the plane of two random directions",
    "line": "The loss along a random direction through trained weights",
    "interpolation": "The loss along the line between two solutions",
    "trajectory": "The path of training in the plane of its two principal directions, and the loss "
    "there",
    "hessian-spectrum": "Density of the eigenvalues of the loss's second derivative at trained "
    "weights",
    "hessian-training": "The largest eigenvalue of the loss's second derivative and its trace, "
    "along training",
    "shift-layers": "Internal covariate shift of every layer at trained weights, over batches",
    "shift-training": "Internal covariate shift of three layers along training, means over batches",
}
"""Of figures of a run's landscape records, which tell below themselves what they were taken on."""
_OF_RECORDS = re.compile(r"([a-z]+)-[0-9a-f]{8}-(\w+)")


def caption(name: str, split: str, source: str) -> str:
    """What stands below the figure of that name; `source` tells of its data, where that is due."""
    if found := _OF_RECORDS.fullmatch(name):
        kind, what = found.groups()
        return f"{LANDSCAPES.get(f'{kind}-{what}') or LANDSCAPES[kind]}."
    text = CAPTIONS[name].format(split=split)
    return text if name in DRAWINGS else f"{text} {source}"
