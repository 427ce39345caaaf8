"""Functions that are written into a module where it needs them, because PyTorch has none for the purpose."""

from __future__ import annotations

HELPERS: dict[str, str] = {
    "detect": '''
def detect(
    boxes,
    scores,
    threshold,
    background,
    confidence=-float("inf"),
    candidates=None,
    most=None,
    eta=1.0,
):
    """Give (image, label, score, x1, y1, x2, y2) of what non-maximum suppression finds.

    Boxes have the shape (images, boxes, 1 or classes, 4), scores (images, boxes, classes).
    """
    found = [scores.new_zeros(0, 7)]
    for image in range(scores.shape[0]):
        rows = [scores.new_zeros(0, 7)]
        for label in range(scores.shape[2]):
            if label == background:
                continue
            own = boxes[image, :, label if boxes.shape[2] > 1 else 0]
            best = scores[image, :, label].sort(descending=True, stable=True)
            order = best.indices[best.values > confidence][:candidates]
            overlaps, limit, kept = overlap(own[order]), threshold, []
            for place in range(len(order)):
                if all(overlaps[place, other] <= limit for other in kept):
                    kept.append(place)
                    limit = limit * eta if limit > 0.5 else limit
            order = order[kept]
            head = scores.new_tensor([image, label]).expand(len(order), 2)
            score = scores[image, order, label, None]
            rows.append(torch.cat([head, score, own[order]], 1))
        rows = torch.cat(rows)
        best = rows[:, 2].sort(descending=True, stable=True).indices[:most]
        found.append(rows[best.sort().values])
    return torch.cat(found)[None, None]
''',
    "largest": '''
def largest(x, count, dim):
    """Give the largest numbers along an axis and their places, of equal ones the last first."""
    values, order = x.flip(dim).sort(dim=dim, descending=True, stable=True)
    places = x.shape[dim] - 1 - order.narrow(dim, 0, count)
    return values.narrow(dim, 0, count), places.to(x.dtype)
''',
    "lstm": '''
def lstm(inputs, cont, recurrent, states=None):
    """Run an LSTM over axis 0; the gates are i, f, o, g, and cont is 0 where a sequence begins."""
    zeros = inputs.new_zeros(inputs.shape[1], recurrent.in_features)
    hidden, cell = states or (zeros, zeros)
    visible = []
    for step_inputs, step_cont in zip(inputs, cont.unsqueeze(-1), strict=True):
        i, f, o, g = (step_inputs + recurrent(step_cont * hidden)).chunk(4, dim=-1)
        cell = step_cont * f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        visible.append(hidden)
    return torch.stack(visible), hidden, cell
''',
    "overlap": '''
def overlap(boxes):
    """Give the area of the intersection by that of the union for every pair of boxes."""
    low = torch.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = torch.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    area = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)
    union = area[:, None] + area[None] - both
    return torch.where(union > 0, both / union, 0.0)
''',
    "rnn": '''
def rnn(inputs, cont, recurrent, states=None):
    """Run an RNN over axis 0; cont is 0 where a sequence begins."""
    zeros = inputs.new_zeros(inputs.shape[1], recurrent.in_features)
    hidden = states[0] if states else zeros
    visible = []
    for step_inputs, step_cont in zip(inputs, cont.unsqueeze(-1), strict=True):
        hidden = torch.tanh(step_inputs + recurrent(step_cont * hidden))
        visible.append(hidden)
    return torch.stack(visible), hidden
''',
}
"""By name; each is laid out as ``ruff format`` does it."""
