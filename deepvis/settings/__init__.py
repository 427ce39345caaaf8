"""What a user sets: ``settings_local.py``, and the settings files of older toolboxes."""
