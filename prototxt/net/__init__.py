"""A net as a graph: phases, shapes, receptive fields, and what the layer types of stock Caffe take."""
