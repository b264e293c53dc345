"""What the generator says when it can't do its work."""


class CodegenError(Exception):
    """The schema or the tools are not fit for generating; the text lists why, one reason a line."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))
