"""Ways to teach a net a new task, one file each; every module of this folder enters its methods into `METHODS`."""
