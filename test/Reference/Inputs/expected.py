"""Prints the values that the tests of this folder expect, from the formulas of
MoeOps.td and SchedOps.td in NumPy. Nothing runs it: the tests hold the numbers."""
import numpy as np


def show(section, *arrays):
    for array in arrays:
        print(section + ":", " ".join("%.9g" % x for x in np.ravel(array)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


ACTIVATIONS = {
    "silu": lambda x: x * sigmoid(x),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
    "identity": lambda x: x,
}


def rows():
    x = np.array([[1, 2, 3, 4], [0, -1, 0, 1.0]])
    scale = np.array([1, 2, -1, 0.5])
    rms = lambda v: v / np.sqrt((v**2).mean(-1, keepdims=True) + 0.25)
    layer = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.25)
    matrix = np.array([[1, 0, 0, 0], [0.5, 0.5, 0.5, 0.5], [0, 1, 0, -1]])
    show("norm", rms(x) * scale, rms(x.reshape(2, 2, 2)) * np.array([1, -2]), layer * scale)
    show("linear", x @ matrix.T, x @ matrix.T + np.array([10, 20, 30]))


def rope():
    positions, frequencies, gain, heads = [3, 0], np.array([1, 0.5]), 2, 2
    for first in (np.array([0, 1]), np.array([0, 2])):  # half, interleaved
        second = first + (2 if first[1] == 1 else 1)
        x = np.tile(np.arange(1.0, 13.0), (2, 1)).reshape(2, heads, 6)
        for row, position in zip(x, positions):
            z = (row[:, first] + 1j * row[:, second]) * gain * np.exp(1j * position * frequencies)
            row[:, first], row[:, second] = z.real, z.imag
        show("rope", x)


def attention():
    k = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, -1, 0], [2, 0, 0, 2.0]])
    v = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [-1, -2, -3, -4], [10, 20, 30, 40.0]])
    q = np.array([[1, 0, 0, 1, 1, 1, -1, 0], [0, 1, 1, 0, 2, 0, 0, 2],
                  [1, 1, 0, 0, 0, 0, 1, 1], [1, 2, 3, 4, 5, 6, 7, 8.0]])
    sequences, positions = np.array([0, 0, 0, 7]), np.array([0, 1, 2, 0])
    for window in (99, 2):
        for r in range(4):
            seen = (sequences == sequences[r]) & (positions <= positions[r])
            seen &= positions > positions[r] - window
            heads = []
            for h in range(4):
                part = slice(h // 2 * 2, h // 2 * 2 + 2)
                p = softmax(0.5 * k[seen][:, part] @ q[r, 2 * h : 2 * h + 2])
                heads.append(p @ v[seen][:, part])
            show("attention", np.array(heads))


def mlp():
    x = np.array([[1.0, -2.0]])
    gate = np.array([[1, 0], [0, 1], [1, 1]])
    up = np.array([[1, 1], [2, 0], [0, -1]])
    down = np.array([[1, 0, 1], [0, 1, -1]])
    for act in ACTIVATIONS.values():
        show("mlp", (act(x @ gate.T) * (x @ up.T)) @ down.T)
    silu = ACTIVATIONS["silu"]
    show("mlp", (silu(x @ gate.T) * (x @ up.T)) @ down.T * sigmoid(x.sum()))


def route():
    logits = np.array([[1, 3, 2, 0], [2, 5, 5, 2.0]])

    def chosen(scores, k):
        order = np.argsort(-scores, axis=-1, kind="stable")[:, :k]
        return order, np.take_along_axis(scores, order, -1)

    show("route", *chosen(softmax(logits), 3))
    order, weights = chosen(softmax(logits), 2)
    show("route", order, weights / weights.sum(-1, keepdims=True) * 2.5)
    order, weights = chosen(sigmoid(logits), 2)
    show("route", weights, weights / weights.sum(-1, keepdims=True))
    order, weights = chosen(logits, 2)
    show("route", order, softmax(weights))


def experts():
    x = np.array([[1, 2], [3, -1.0]])
    gate = np.array([[1, 0], [0, 1], [1, 1]])
    up = np.array([[1, 1], [1, -1], [2, 0]])
    down = np.array([[1, 2], [3, 4], [5, 6]])
    result = np.zeros((2, 2))
    for r, choice in enumerate(({2: 0.75, 0: 0.25}, {1: 0.5, 2: 0.5})):
        for e in sorted(choice):
            hidden = ACTIVATIONS["silu"](gate[e] @ x[r]) * (up[e] @ x[r])
            result[r] += choice[e] * hidden * down[e]
    show("experts", result)


def predictions():
    logits = np.array([[1, 3, 2, 0], [2, 5, 5, 2.0]])
    show("distribution", softmax(logits))
    a = np.array([[0.5, 0.25, 0.25], [0, 0, 0], [-1, -2, -3]])
    b = np.array([[0.25, 0.5, 0.25], [0, 0, 0], [1, 0.5, 0]])
    show("blend", 0.5 * a - 2 * b)
    peaks = [x.max(-1, keepdims=True) for x in (a, b)]
    total = peaks[0] + peaks[1]
    blended = (peaks[0] * a + peaks[1] * b) / np.where(total > 0, total, 1)
    show("blend by peaks", np.where(total > 0, blended, 0))
    for count, chosen, slope, bias in ((3, 2, 1.5, -0.25), (1, 1, 2, 0), (4, 4, 1, 0)):
        order = np.argsort(-logits, axis=-1, kind="stable")
        s = np.take_along_axis(logits, order, -1)
        edge = s[:, chosen - 1 : chosen + 1].mean(-1, keepdims=True)
        show("predict", order[:, :count], sigmoid(slope * (s[:, :count] - edge) + bias))


def is_flipped(j):
    bits = (1 << 64) - 1
    x = j + 1
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & bits
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & bits
    return bool((x ^ (x >> 31)) >> 63)


def hadamard(size):
    h = np.array([[1.0]])
    while len(h) < size:
        h = np.block([[h, h], [h, -h]])
    return h


def rotation(size):
    """What multiplies the features of a block."""
    return hadamard(size) * [-1 if is_flipped(j) else 1 for j in range(size)] / np.sqrt(size)


def quantized(x):
    """Levels and scales, in float32; returned as float64."""
    x = np.float32(x)
    largest = np.abs(x).max(-1, keepdims=True)
    levels, scales = np.rint(x * (np.float32(127) / largest)), largest / np.float32(127)
    return levels.astype(float), scales.astype(float)


def quantize():
    x = np.array([[3.0, 1, -2, 0.5]])
    show("quantize", [is_flipped(j) for j in range(8)])
    for block in (2, 4):
        turned = np.concatenate([rotation(block) @ x[0, i : i + block] for i in range(0, 4, block)])
        levels, scale = quantized(turned)
        show("quantize %d" % block, turned, levels, scale)
        show("quantize %d" % block, x)


def coded():
    # Rotated 4, these rows are whole levels: a row of weights that is rotated
    # into halves and fourths is met by them exactly.
    levels = np.array([[127, 1, 2, 0]])
    show("rotated rows", levels @ rotation(4))
    show("rotated weights", 254 * np.eye(4)[:2] @ rotation(4).T)
    # Results come out rotated, are quantised so, and are rotated back.
    turned = rotation(4) @ (254 * np.array([127, 1, 2, 0]))
    levels, scale = quantized(turned)
    show("rotated results", turned, levels, scale, (levels * scale) @ rotation(4))
    gate, down = np.diag([127, 127]), np.array([[127, 127], [0, 127]])
    up = np.array([[0, 254], [0, 63.5]])

    def gated(x, gate, up, down):
        levels, scale = quantized((gate @ x) * (up @ x))
        return down @ (levels * scale)

    x = np.array([[127, 1], [2, 127]])
    show("coded mlp", gated(x[0], gate, up, down), down @ ((gate @ x[0]) * (up @ x[0])))
    other = gated(x[0], gate, gate, gate)
    show("coded experts", 0.5 * other + 0.25 * gated(x[0], gate, up, down), gated(x[1], gate, up, down))


def exits():
    logits = np.array([[1, 2, 3, 3], [0, 0, 0, 0], [-50, 2, 1, 50.0]])
    p = softmax(logits)
    order = np.sort(p)[:, ::-1]
    logs = np.log(np.maximum(p, 1e-300))
    show("confidence", order[:, 0])
    show("confidence", order[:, 0] - order[:, 1])
    show("confidence", 1 + (p * logs).sum(-1) / np.log(4))
    other = np.array([[4, 0, 1, 1], [1, 1, 1, 1], [100, -4, -2, -100.0]])
    lengths = np.sqrt((logits**2).sum(-1) * (other**2).sum(-1))
    show("similarity", (logits * other).sum(-1) / np.where(lengths, lengths, 1))
    show("logistic", sigmoid(2 * np.array([5, 6, 7]) - 0.5 * np.array([0.5, -0.25, -1]) - 4.875))


def shortlist():
    # Of the rows whose numbers are finite.
    inside = np.array([[9, 1], [4, 5], [0, 0.0]])
    outside = np.array([[4, 2, 1], [1, 2, 4.5], [6, 0, 0]])
    slack = np.array([[0.5, 1], [0.25, 0], [0, 2]])
    x, near = np.array([[3, 4], [0, 1], [0, 0.0]]), np.array([[3, 3], [0, 0.5], [0, 0]])
    length, distance = np.linalg.norm(x, axis=1), np.linalg.norm(x - near, axis=1)
    bounds = outside + np.outer(length, slack[:, 0]) + np.outer(distance, slack[:, 1])
    show("surplus", inside.max(-1) - bounds.max(-1))


for section in (rows, rope, attention, mlp, route, experts, predictions, quantize, coded, exits, shortlist):
    section()
