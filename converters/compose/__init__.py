"""What operations are composed of: functions from blobs to blobs, each a layer of stock Caffe 1.0 or a few.

They append to the layers of a `Call`. The last layer of an operation gets the operation's own name by itself.
"""
