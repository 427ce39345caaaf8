"""The subcommands of ``python -m finetune``, one file each."""
