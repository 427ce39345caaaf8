"""What tests of data layers read off them."""


def batches(layer, count=4):
    """The tops of the next batches, copied."""
    return [[top.numpy().copy() for top in layer()] for _ in range(count)]


def labels(layer, count=4):
    """The labels of the next batches, one after the other."""
    return [int(label) for batch in batches(layer, count) for label in batch[1]]
