"""How a net is taught a new task: what a method hands to a trainer, and the trainers."""
