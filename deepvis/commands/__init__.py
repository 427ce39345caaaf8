"""The commands of ``deepvis``, one file each; every one is a function whose parameters are its options."""
