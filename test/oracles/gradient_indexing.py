"""Gradient cases of everything that takes from or writes to positions."""

from __future__ import annotations

import numpy as np
import torch
from gradient_case import case, distinct, normal, random


def axes_and_shapes():
    for axis, shape, taken in [(0, [4], [6]), (1, [2, 5], [2, 3]), (-1, [2, 3, 4], [2, 2, 5]), (0, [3, 2, 2], [4, 2, 1]), (2, [2, 2, 3, 2], [1, 2, 4, 2]), (-2, [3, 4], [2, 4])]:
        yield axis, shape, taken, "x".join(map(str, taken))


def elements() -> None:
    for axis, shape, taken, label in axes_and_shapes():
        indices = random.randint(-shape[axis], shape[axis], taken)
        wrapped = torch.from_numpy(indices % shape[axis])
        case(f"gather-elements-{label}", "GatherElements", {"data": normal(*shape), "indices": indices}, lambda x, _: torch.gather(x, axis, wrapped), axis=axis)
        inputs = {"data": distinct(*shape), "indices": indices, "updates": distinct(*taken) + 1 / 128}
        case(f"scatter-elements-add-{label}", "ScatterElements", inputs, lambda x, _, y: x.scatter_add(axis, wrapped, y), opset=18, axis=axis, reduction="add")
        for reduction, torch_name in (("max", "amax"), ("min", "amin")):
            forward = lambda x, _, y: x.scatter_reduce(axis, wrapped, y, torch_name)  # noqa: E731
            case(f"scatter-elements-{reduction}-{label}", "ScatterElements", inputs, forward, opset=18, axis=axis, reduction=reduction)
        # Each position once along the axis: what is written twice has no defined value.
        count = min(taken[axis], shape[axis])
        once = [count if position == axis % len(shape) else size for position, size in enumerate(taken)]
        order = np.argsort(random.uniform(size=[shape[axis] if position == axis % len(shape) else size for position, size in enumerate(taken)]), axis)
        unique = np.take(order, range(count), axis)
        places = torch.from_numpy(unique)
        inputs = {"data": normal(*shape), "indices": unique, "updates": normal(*once)}
        for operator, opset in (("ScatterElements", 17), ("Scatter", 10)):
            case(f"{operator.lower()}-none-{label}", operator, inputs, lambda x, _, y: x.scatter(axis, places, y), opset=opset, axis=axis)


def slices() -> None:
    for shape, rows, depth in [([4, 3], [5], 1), ([4, 3], [3, 2], 2), ([2, 3, 4], [2, 2], 2), ([5], [2, 3], 1), ([2, 3, 2, 2], [4], 3), ([3, 2, 2], [1, 3], 1)]:
        label = "x".join(map(str, shape)) + f"-depth{depth}"
        indices = np.stack([random.randint(-size, size, rows) for size in shape[:depth]], -1)
        place = tuple(torch.from_numpy(indices[..., axis]) for axis in range(depth))
        case(f"gather-nd-{label}", "GatherND", {"data": normal(*shape), "indices": indices}, lambda x, _: x[place])
        updates = normal(*rows, *shape[depth:])
        inputs = {"data": normal(*shape), "indices": indices, "updates": updates}
        case(f"scatter-nd-add-{label}", "ScatterND", inputs, lambda x, _, y: x.index_put(place, y, accumulate=True), opset=18, reduction="add")
        count = min(int(np.prod(rows)), int(np.prod(shape[:depth])))
        flat = random.permutation(int(np.prod(shape[:depth])))[:count]
        unique = np.stack(np.unravel_index(flat, shape[:depth]), -1)
        once = tuple(torch.from_numpy(unique[..., axis]) for axis in range(depth))
        inputs = {"data": normal(*shape), "indices": unique, "updates": normal(count, *shape[depth:])}
        case(f"scatter-nd-none-{label}", "ScatterND", inputs, lambda x, _, y: x.index_put(once, y))
    for shape, rows in [([2, 3, 4], [2, 2]), ([3, 2, 2], [3, 4]), ([2, 4], [2, 3])]:
        indices = random.randint(0, shape[1], [*rows, 1])
        gathered = lambda x, places: torch.stack([x[batch][places[batch, :, 0]] for batch in range(shape[0])])  # noqa: E731
        case(f"gather-nd-batch-{'x'.join(map(str, shape))}", "GatherND", {"data": normal(*shape), "indices": indices}, gathered, batch_dims=1)


def selections() -> None:
    for axis, shape, k in [(-1, [3, 5], 2), (0, [4, 2], 3), (1, [2, 4, 2], 1), (-1, [7], 7)]:
        for largest in (0, 1):

            def forward(x, _):
                values, indices = torch.topk(x, k, axis, bool(largest))
                return {"Values": values, "Indices": indices}

            inputs = {"X": distinct(*shape), "K": np.array([k])}
            case(f"top-k-axis{axis}-{k}-{largest}", "TopK", inputs, forward, axis=axis, largest=largest)
    for axis in (-1, 0, 1):
        indices = np.array([[1, 0, 2], [-1, 2, 3]])
        on = torch.moveaxis(torch.nn.functional.one_hot(torch.from_numpy(indices % 4), 4), -1, axis)
        inputs = {"indices": indices, "depth": np.array([4]), "values": np.array([-0.5, 2.0])}
        case(f"one-hot-axis{axis}", "OneHot", inputs, lambda _, __, values: values[0] + (values[1] - values[0]) * on, axis=axis)
    for axis, shape, where in [(0, [4, 2], [3]), (1, [2, 3, 2], [2, 2]), (-1, [2, 5], []), (2, [1, 2, 4], [3, 1]), (0, [5], [2, 3]), (-2, [3, 4], [5])]:
        indices = np.asarray(random.randint(-shape[axis], shape[axis], where))
        rows = torch.from_numpy(np.asarray(indices % shape[axis]))

        def taken(x, _):
            return torch.index_select(x, axis, rows.flatten()).reshape([*shape[: axis % len(shape)], *where, *shape[axis % len(shape) + 1 :]])

        case(f"gather-random-axis{axis}-{len(where)}", "Gather", {"data": normal(*shape), "indices": indices}, taken, axis=axis)
    for draw in range(10):
        rank = int(random.randint(1, 4))
        shape = random.randint(2, 7, rank).tolist()
        steps = [int(random.choice([-3, -2, -1, 1, 2, 3])) for _ in shape]
        bounds = [sorted(random.choice(size + 1, 2, replace=False).tolist()) for size in shape]
        cuts = [slice(low, high, step) if step > 0 else slice(high - 1, low - 1 - size, step) for (low, high), step, size in zip(bounds, steps, shape)]
        grid = np.ix_(*(np.arange(size)[cut] for cut, size in zip(cuts, shape)))
        lists = {"starts": [cut.start for cut in cuts], "ends": [cut.stop for cut in cuts], "axes": list(range(-rank, 0)), "steps": steps}
        inputs = {"data": normal(*shape), **{key: np.array(value) for key, value in lists.items()}}
        case(f"slice-random-{draw}", "Slice", inputs, lambda x, *_: x[tuple(torch.from_numpy(each.copy()) for each in grid)])


def add_cases() -> None:
    elements()
    slices()
    selections()
