"""The README's Python runs as it stands, imports included."""

import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_python_runs():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    namespace = {"__name__": "readme"}
    exec(compile("\n".join(blocks), str(README), "exec"), namespace)
    assert namespace["Burgers"]().coords == ("x", "t")
