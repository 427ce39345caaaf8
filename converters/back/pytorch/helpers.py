"""Functions that are written into a module where it needs them, because PyTorch has none for the purpose."""

from __future__ import annotations

HELPERS: dict[str, str] = {
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
