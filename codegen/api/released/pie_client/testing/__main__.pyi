import sys
from pie_client.testing.terminal.command import main
