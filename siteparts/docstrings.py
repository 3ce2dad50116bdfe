"""What docstrings of this package say in their own way, told to griffe before it parses them."""

import re

import griffe


class Sections(griffe.Extension):
    """Renames sections: `Example:` is `Examples:` to griffe, and what a layer returns is no result of its class."""

    def on_object(self, *, obj, **kwargs):
        """Rename the sections of one docstring."""
        if not obj.docstring:
            return
        text = re.sub(r"^Example:$", "Examples:", obj.docstring.value, flags=re.MULTILINE)
        if obj.is_class:
            text = re.sub(r"^Returns:\n +", "**Output:** ", text, flags=re.MULTILINE)
        obj.docstring.value = text
