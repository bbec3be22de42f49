"""Gradient cases of matrix products of any rank and of Einsum."""

from __future__ import annotations

import torch
from gradient_case import case, normal, random


def matrix_products() -> None:
    for draw in range(10):
        rank = int(random.randint(0, 4))
        m, k, n = random.randint(1, 5, 3).tolist()
        stack = random.randint(1, 4, rank).tolist()
        left = [size if random.randint(3) else 1 for size in stack][int(random.randint(rank + 1)) :]
        right = [size if random.randint(3) else 1 for size in stack][int(random.randint(rank + 1)) :]
        a, b = [*left, m, k], [*right, k, n]
        if draw % 5 == 3:
            a = [k]
        if draw % 5 == 4:
            b = [k]
        case(f"matmul-random-{draw}", "MatMul", {"A": normal(*a), "B": normal(*b)}, torch.matmul)


def einsums() -> None:
    """Equations with the sizes of each operand; PyTorch has no implicit output with ellipsis in another order."""
    equations = [
        ("ij,jk->ik", [[2, 3], [3, 4]]), ("bij,bkj->bik", [[2, 3, 4], [2, 2, 4]]), ("bhid,bhjd->bhij", [[2, 2, 3, 4], [2, 2, 5, 4]]),
        ("ij->ji", [[2, 3]]), ("ij->j", [[2, 3]]), ("ij->", [[2, 3]]), ("i,j->ij", [[2], [3]]), ("ij,ij->", [[2, 3], [2, 3]]),
        ("ij,kl->il", [[2, 3], [2, 4]]), ("ijk,kj->i", [[2, 3, 4], [4, 3]]), ("ij,jk", [[2, 3], [3, 4]]), ("ba", [[2, 3]]),
        ("...ij,...jk->...ik", [[2, 3, 4], [2, 4, 2]]), ("...ij,jk->...ik", [[2, 2, 3, 4], [4, 2]]), ("...i,...i->...", [[2, 3, 4], [2, 3, 4]]),
        ("...ij,...jk->...ik", [[2, 1, 2, 2], [1, 3, 2, 4]]), ("b...,b...->b...", [[2, 3], [2, 3]]),
        ("ij,jk,kl->il", [[2, 3], [3, 2], [2, 4]]), ("bi,ij,bj->b", [[2, 3], [3, 4], [2, 4]]), ("i,i,i->", [[3], [3], [3]]), ("nchw,cd->ndhw", [[2, 3, 2, 2], [3, 4]]),
    ]  # fmt: skip
    for number, (equation, shapes) in enumerate(equations):
        inputs = {f"input_{index}": normal(*shape) for index, shape in enumerate(shapes)}
        case(f"einsum-{number}-{equation}", "Einsum", inputs, lambda *each: torch.einsum(equation, *each), equation=equation)
    for draw in range(8):
        sizes = {letter: int(random.randint(1, 4)) for letter in "abcde"}
        terms = ["".join(random.choice(list(sizes), int(random.randint(1, 4)), replace=False)) for _ in range(2)]
        letters = sorted(set("".join(terms)))
        result = "".join(random.permutation(letters)[: random.randint(0, len(letters) + 1)])
        equation = f"{terms[0]},{terms[1]}->{result}"
        inputs = {f"input_{index}": normal(*(sizes[letter] for letter in term)) for index, term in enumerate(terms)}
        case(f"einsum-random-{draw}", "Einsum", inputs, lambda *each: torch.einsum(equation, *each), equation=equation)


def add_cases() -> None:
    matrix_products()
    einsums()
