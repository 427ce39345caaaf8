"""What every part stands on: errors that users read, progress, whole files, memory, the way to real Caffe."""
