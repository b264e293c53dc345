class Refusal(Exception):
    __module__ = 'pie_client.testing'

class Unanswered(Exception):
    ...
