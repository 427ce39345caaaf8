"""Between state and window: what keys do, which computation is asked for, which answer is shown. Without Qt."""
