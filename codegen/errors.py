"""The one exception of the generator."""


class CodegenError(Exception):
    """The schema or the tools can't be used for generating code; ``problems`` are the reasons, one line each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


def raise_if(problems: list[str]) -> None:
    """Raise CodegenError unless the list is empty."""
    if problems:
        raise CodegenError(problems)
