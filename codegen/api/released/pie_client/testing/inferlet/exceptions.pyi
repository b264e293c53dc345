from traceback import TracebackException

class ProcessFailure(Exception):
    __module__ = 'pie_client.testing'

class McpCallError(Exception):
    __module__ = 'pie_client.testing'

    def __init__(self) -> None:
        self.code = ...
        self.message = ...
        self.data = ...

def line_of(error: BaseException) -> str:
    ...

def report_of(error: BaseException) -> str:
    ...
