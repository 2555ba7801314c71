"""Ten numbers in an image: how `data` writes them, and how `models` reads them back."""

NUMBERS = 10
"""In an image, one below the other; also the classes there are."""

ROWS = 3
"""Of pixels, in all channels, whose mean is a number; the rows below the last number are grey."""

DEVIATIONS = 5.0
"""What the ends of the pixels' range stand for, in standard deviations from its middle."""
