"""Stand-in for slicer.i18n: texts stay as they are in the source."""


def tr(text: str) -> str:
    """Translate a text of the module that calls."""
    return text


def translate(context: str, text: str) -> str:
    """Translate a text of another class, such as a category of modules."""
    return text


def getContext(sourceFile: str) -> str:
    """The context of a file's texts: the file's name without its ending."""
    return sourceFile.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".py")
