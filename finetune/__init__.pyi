from .demo import run_demo as run_demo
from .demo_steps import DemoSettings as DemoSettings
from .forgetting import movements as movements
from .forgetting import output_change as output_change
from .trainers import TRAINERS as TRAINERS
from .trainers import train as train
