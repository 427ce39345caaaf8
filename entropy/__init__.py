"""H of every filter, and a learning rate of its own for each, in prototxt that stock Caffe obeys."""
