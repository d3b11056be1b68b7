"""What `dtype` may be in a case: a format of storage, and how products round."""

from dataclasses import dataclass
from typing import Literal

Dtype = Literal["bfloat16", "float16", "float32", "float64", "tf32"]


@dataclass(frozen=True)
class Format:
    """`storage` is a JAX dtype, `product_roundoff` that of a product's operands."""

    storage: str
    itemsize: int
    precision: str = "full"
    product_roundoff: float = 0.0


FORMATS: dict[Dtype, Format] = {
    "bfloat16": Format("bfloat16", 2),
    "float16": Format("float16", 2),
    "float32": Format("float32", 4),
    "float64": Format("float64", 8),
    # float32, but an NVIDIA GPU may round the operands of a product to 11 significant bits.
    "tf32": Format("float32", 4, "tf32", 2.0**-11),
}
