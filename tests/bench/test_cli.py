"""What the command line refuses before it measures anything."""

import pytest

from bench import cli


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--kernels", "scan", "native", "scan"), "argument --kernels: 'scan' twice"),
        (("--kernels", "scan", "--kernels", "native"), "argument --kernels: given twice"),
        (("--dtype", "float32", "float32"), "argument --dtype: 'float32' twice"),
        (("--pass", "train", "train"), "argument --pass: 'train' twice"),
        (("--cell", "lstm", "lstm"), "argument --cell: 'lstm' twice"),
        (("--cell", "elman"), "argument --cell: invalid choice: 'elman'"),
        (("--shape", "T=٣,B=2,I=3,H=4,O=5"), "expected five sizes such as T="),
    ],
)
@pytest.mark.parametrize("command", ["run", "regress"])
def test_refused_by_any_selection(command, arguments, sentence, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main([command, "--list", *arguments])
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--margin", "scan=5", "scan=5"), "argument --margin: 'scan=5' twice"),
        (("--margin", "scan=5", "--margin", "scan=6"), "argument --margin: given twice"),
        (("--budget", "٣"), "seconds is '٣'; expected a number above 0"),
        (("--trials", "٣"), "'٣'; expected a number from 1 to 9999"),
    ],
)
def test_refused_by_the_gate(arguments, sentence, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["regress", "--list", *arguments])
    assert sentence in capsys.readouterr().err
