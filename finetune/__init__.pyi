from .demo.demo import run_demo as run_demo
from .demo.steps import DemoSettings as DemoSettings
from .statistics.movement import movements as movements
from .statistics.movement import output_change as output_change
from .training.programs import TRAINERS as TRAINERS
from .training.programs import train as train
