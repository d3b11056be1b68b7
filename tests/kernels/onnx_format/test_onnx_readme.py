"""README's code about ONNX runs."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
from helpers.onnx_models import model
from onnx import helper

README = Path(__file__).parents[3] / "README.md"


def test_its_code_runs(monkeypatch, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (code,) = (block for block in blocks if "from_onnx" in block)
    node = helper.make_node("LSTM", ["X", "W", "R"], ["Y"], hidden_size=3)
    weights = {"W": np.ones((1, 12, 40), "f"), "R": np.ones((1, 12, 3), "f")}
    made = model([node], {"X": np.ones((30, 4, 40), "f")}, ["Y"], weights)
    (tmp_path / "model.onnx").write_bytes(made.SerializeToString())
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code, names)
    assert names["options"] == {"cell": "lstm"} and names["y"].shape == (30, 4, 3)
    assert [names[each].shape for each in ("Y", "Y_h")] == [(30, 2, 4, 64), (2, 4, 64)]
