"""What a trained net knows of the old task and of the new one."""
