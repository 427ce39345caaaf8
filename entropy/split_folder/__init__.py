"""The folder that stock Caffe trains in: written, checked, merged, replanned."""
