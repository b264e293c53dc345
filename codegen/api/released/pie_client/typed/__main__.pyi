import sys
from pie_client.typed.command import main
