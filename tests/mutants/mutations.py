"""What is changed in a module: one small mistake at a time, by cosmic-ray's operators.

cosmic-ray is taken because its operators are a library from text to text: the runner decides how a
mutant is tried. mutmut forks from a process that has imported the code, behind a trampoline in
every function, which neither jaxtyping's import hook nor `static_argnums` and `custom_vjp` bear.

Each operator of Python's has one opposite or its neighbours here, where cosmic-ray has every other
one: most of those are no mistake that anybody makes, and nearly all raise. Decorators stay: without
them (`jit`, `cache`, `dataclass`) a program is slower, or does not start. Text stays as well.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator

BINARY = ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Div", "Mod_Mul", "Pow_Mul")
BINARY += ("BitOr_BitAnd", "BitAnd_BitOr", "LShift_RShift", "RShift_LShift")
COMPARISONS = ("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE")
COMPARISONS += ("GtE_Gt", "GtE_Lt", "Is_IsNot", "IsNot_Is")
NAMES = (
    *(f"ReplaceBinaryOperator_{change}" for change in BINARY),
    *(f"ReplaceComparisonOperator_{change}" for change in COMPARISONS),
    *("ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Not", "AddNot"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop"),
    *("ExceptionReplacer", "NumberReplacer"),
)


class DeleteCall(Operator):
    """Leave out a statement that is a call, which cosmic-ray does not."""

    def mutation_positions(self, node):
        if node.type == "simple_stmt" and _is_call(node.children[0]):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        first = node.children[0].get_first_leaf()
        node.children[0] = parso.python.tree.Name("pass", first.start_pos, first.prefix)
        return node

    @classmethod
    def examples(cls):
        return ()


def _is_call(node: parso.tree.NodeOrLeaf) -> bool:
    return node.type == "atom_expr" and node.children[-1].children[0].value == "("


OPERATORS = (*(get_operator(f"core/{name}")() for name in NAMES), DeleteCall())


@dataclass(frozen=True)
class Mutant:
    """A module's text with one change; the lines that differ, before and after, name it."""

    module: str
    before: str
    after: str
    text: str


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module that is another program."""
    seen, nodes = {_meaning(source)}, list(ast_nodes(get_ast(source)))
    for operator in OPERATORS:
        for occurrence in range(sum(len([*operator.mutation_positions(node)]) for node in nodes)):
            text = mutate_code(source, operator, occurrence)
            if (meaning := _meaning(text)) is not None and meaning not in seen:
                seen.add(meaning)
                yield Mutant(module, *_difference(source, text), text)


def _meaning(text: str) -> str | None:
    """The program without what only annotates it; None if it is none."""
    try:
        return ast.dump(_WithoutAnnotations().visit(ast.parse(text)))
    except SyntaxError:
        return None


class _WithoutAnnotations(ast.NodeTransformer):
    """Annotations of functions say types only; those of fields, what pydantic checks, but for |.

    Nor does a program that works change by how it may be called (`*` and `/` in a signature), by
    what never happens in it (`strict=True`, `frozen=True`), or by einsum's `optimize=True`.
    """

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        own = node.args
        own.args, own.posonlyargs, own.kwonlyargs = (
            [*own.posonlyargs, *own.args, *own.kwonlyargs],
            [],
            [],
        )
        own.defaults, own.kw_defaults = [*own.defaults, *filter(None, own.kw_defaults)], []
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        for part in ast.walk(node.annotation):
            if isinstance(part, ast.BinOp):
                part.op = ast.BitOr()
        return self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        if node.arg in ("strict", "frozen", "optimize") and isinstance(node.value, ast.Constant):
            node.value = ast.Constant(True)
        return self.generic_visit(node)


def _difference(source: str, text: str) -> tuple[str, str]:
    """The lines that differ, from the first to the last."""
    old, new = source.splitlines(), text.splitlines()
    start = next(i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    same = zip(reversed(old[start:]), reversed(new[start:]), strict=False)
    end = next((i for i, (a, b) in enumerate(same) if a != b), 0)
    return tuple(
        " ".join(line.strip() for line in lines[start : len(lines) - end]) for lines in (old, new)
    )
