"""What tokens compute that leave early, to the bit.

  check_bits.py same CLIENT GOLDENS MODULE WITH_EXITS...
  check_bits.py exits CLIENT GOLDENS PROPAGATE RECOMPUTE

CLIENT is forward.c. `same`: modules with exits that nobody takes, or that are
off, give the logits of the first module. `exits`: scores are those of the
goldens; a batch of mixed exits gives what each text gives alone; no token leaves
earlier at a higher threshold; propagate and recompute are the same until a
token has left.
"""
import math
import os
import subprocess
import sys

import numpy as np

LAYERS, VOCABULARY = 6, 2048


def check(condition, *message):
    if not condition:
        sys.exit(" ".join(map(str, message)))


def golden(folder, prompt, what):
    return np.load(os.path.join(folder, "prompt%d_%s.npy" % (prompt, what)))


def golden_texts(folder, generated, most=512):
    """Prompts with what the full model says next, as (tokens of the prompt, all tokens)."""
    texts = []
    for prompt in range(8):
        ids = golden(folder, prompt, "ids").tolist()[:most]
        texts.append((len(ids), ids + golden(folder, prompt, "greedy64").tolist()[:generated]))
    return texts


class Runs:
    def __init__(self, client):
        self.client = client

    def run(self, module, threshold, how, texts, exits=LAYERS - 1):
        """For each text: layers [tokens], scores [tokens, exits], logits [tokens, vocabulary]."""
        lines = "".join("%d %d %s\n" % (prompt, len(ids), " ".join(map(str, ids)))
                        for prompt, ids in texts)
        done = subprocess.run([self.client, module, str(threshold), how], input=lines.encode(),
                              stdout=subprocess.PIPE)
        check(done.returncode == 0, "exit code", done.returncode, "of", module, threshold, how)
        data = np.frombuffer(done.stdout, np.int32).reshape(-1, 1 + exits + VOCABULARY)
        ends = np.cumsum([len(ids) - prompt + 1 for prompt, ids in texts])
        check(len(data) == ends[-1], len(data), "tokens, not", ends[-1])
        return [(part[:, 0], part[:, 1:1 + exits].view(np.float32),
                 np.ascontiguousarray(part[:, 1 + exits:]).view(np.float32))
                for part in np.split(data, ends[:-1])]


def bits(array):
    return np.ascontiguousarray(array).view(np.int32)


def compare(got, expected, what):
    for number, (one, other) in enumerate(zip(got, expected)):
        for name, a, b in zip(("layers", "scores", "logits"), one, other):
            if a.shape[-1:] == b.shape[-1:]:
                different = np.argwhere(bits(a) != bits(b))
                check(len(different) == 0, what, "- text", number, name, "differ first at",
                      different[:1].tolist(), "of", a.shape)


def same(runs, goldens, plain, *modules):
    texts = golden_texts(goldens, 6, most=40)
    expected = runs.run(plain, "module", "alone", texts, exits=0)
    check(all((layers == LAYERS).all() for layers, _, _ in expected), "layers of", plain)
    for module in modules:
        for threshold in ("inf", "off"):
            got = runs.run(module, threshold, "together", texts)
            compare(got, expected, "%s at %s" % (module, threshold))
            asked = np.isfinite(np.concatenate([scores for _, scores, _ in got]))
            check(asked.all() if threshold == "inf" else not asked.any(), "scores at", threshold)
        print(module, "has the bits of", plain)


def check_golden_scores(runs, goldens, module):
    """Every position of prompt 4 at every exit."""
    ids = golden(goldens, 4, "ids").tolist()
    (layers, scores, _), = runs.run(module, "inf", "alone", [(1, ids)])
    expected = golden(goldens, 4, "exit_maxprob").T
    check(scores.shape == (len(ids), LAYERS - 1) and (layers == LAYERS).all(), scores.shape, layers)
    difference = np.abs(scores - expected[:, :LAYERS - 1]).max()
    check(difference < 2e-3, "scores differ from the goldens by", difference)
    # What leaves at an exit has that exit's logits, in either state.
    for threshold in (0.2, 0.9):
        (layers, scores, logits), = runs.run(module, threshold, "alone", [(1, ids)])
        best = golden(goldens, 4, "exit_argmax").T[np.arange(len(ids)), layers - 1]
        first = int(np.argmax(layers < LAYERS))
        check(layers[first] < LAYERS, "nothing leaves at", threshold)
        check(logits[first].argmax() == best[first], "logits of the first that leaves")
        sure = softmax(logits).max(-1)
        for row, (depth, p) in enumerate(zip(layers, sure)):
            if depth < LAYERS:
                check(abs(p - scores[row, depth - 1]) < 1e-5, "row", row, "left with", p,
                      "its score was", scores[row, depth - 1])
                check(scores[row, depth - 1] >= np.float32(threshold), "row", row, "should not leave")
                check(np.isnan(scores[row, depth:]).all(), "row", row, "asked after it left")
            check((scores[row, :depth - 1] < np.float32(threshold)).all(), "row", row, "left late")
    print("scores are the goldens', off by at most %.1e" % difference)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def check_batch(runs, module, texts):
    for threshold in (0.9, 0.5):
        alone = runs.run(module, threshold, "alone", texts)
        together = runs.run(module, threshold, "together", texts)
        compare(together, alone, "%s: together and alone at %s" % (module, threshold))
        steps = zip(*(layers[:8] for layers, _, _ in together))
        check(any(len(set(depths)) >= 3 for depths in steps), "no batch has mixed exits")


def check_monotone(runs, module, texts):
    deeper, everything = None, runs.run(module, "inf", "together", texts)
    for threshold in (math.inf, 0.95, 0.9, 0.8, 0.6, 0.3):
        got = runs.run(module, threshold, "together", texts)
        for (layers, scores, _), (_, all_scores, _) in zip(got, everything):
            asked = np.isfinite(scores)
            check((bits(scores)[asked] == bits(all_scores)[asked]).all(), "scores at", threshold,
                  "are not those of the full model")
        depth = np.concatenate([layers for layers, _, _ in got])
        check(deeper is None or (depth <= deeper).all(), "a token leaves later at", threshold)
        print("recompute at %4s: %.2f layers" % (threshold, depth.mean()))
        deeper = depth
    check(deeper.mean() < 3, "exits are not taken")


def check_states(runs, propagate, recompute, texts):
    others = 0
    for threshold in (0.95, 0.6):
        pairs = zip(*(runs.run(module, threshold, "together", texts)
                      for module in (propagate, recompute)))
        for number, (p, r) in enumerate(pairs):
            left = np.nonzero(p[0] < LAYERS)[0]
            until = left[0] + 1 if len(left) else len(p[0])
            for name, a, b in zip(("layers", "scores", "logits"), p, r):
                check((bits(a[:until]) == bits(b[:until])).all(), "text", number, name,
                      "differ before a token has left")
            others += not (bits(p[2]) == bits(r[2])).all()
    check(others > 0, "propagate and recompute are the same")
    print("propagate and recompute: the same until a token left, %d texts differ behind it" % others)


def exits(runs, goldens, propagate, recompute):
    texts = golden_texts(goldens, 24)
    check_golden_scores(runs, goldens, propagate)
    check_golden_scores(runs, goldens, recompute)
    check_batch(runs, propagate, texts)
    check_batch(runs, recompute, texts)
    check_monotone(runs, recompute, texts)
    check_states(runs, propagate, recompute, texts)


def main():
    what, client, goldens, *modules = sys.argv[1:]
    {"same": same, "exits": exits}[what](Runs(client), goldens, *modules)


if __name__ == "__main__":
    main()
